/*
 * The guard: EFI/BOOT/BOOTX64.EFI, what firmware starts first.
 *
 * systemd-boot returns to the firmware when a UKI fails to load, and many machines then sit in a
 * menu or a shell for ever. The guard starts systemd-boot and resets the machine when that returns,
 * so that the boot counter moves on to the other UKI.
 *
 * Freestanding: the few declarations are those of the UEFI Specification 2.10 (chapters 4, 7, 8, 9,
 * 10, 12). Unused members keep the places of the used ones.
 */
typedef unsigned long long u64;
typedef unsigned int u32;
typedef unsigned short char16;
typedef unsigned char u8;
typedef void *handle;
#define EFIAPI __attribute__((ms_abi))

typedef struct { u32 a; u8 b[12]; } guid;
static const guid LOADED_IMAGE = { 0x5b1b31a1, { 0x62, 0x95, 0xd2, 0x11, 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } };
static const guid DEVICE_PATH = { 0x09576e91, { 0x3f, 0x6d, 0xd2, 0x11, 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b } };

struct text_output { void *reset; u64 (EFIAPI *output_string)(struct text_output *, const char16 *); };
struct loaded_image { u32 revision; handle parent; void *system; handle device; };
struct boot_services {
	u8 header[24];
	void *to_signal_event[16];
	u64 (EFIAPI *handle_protocol)(handle, const guid *, void **);
	void *to_install_configuration_table[5];
	u64 (EFIAPI *load_image)(u8 policy, handle parent, const void *path, const void *source, u64 size, handle *);
	u64 (EFIAPI *start_image)(handle, u64 *size, char16 **data);
	void *to_get_next_monotonic_count[4];
	u64 (EFIAPI *stall)(u64 microseconds);
};
struct runtime_services {
	u8 header[24];
	void *to_get_next_high_monotonic_count[10];
	void (EFIAPI *reset_system)(u32 type, u64 status, u64 size, void *data);
};
struct system_table {
	u8 header[24];
	void *vendor;
	u64 revision;
	handle in_handle;
	void *in;
	handle out_handle;
	struct text_output *out;
	handle error_handle;
	struct text_output *error;
	struct runtime_services *runtime;
	struct boot_services *boot;
};

enum { RESET_COLD = 0, PATH_END = 0x7f, PATH_MAX = 1024 };

/* The end of a device path: a file (media, type 4, file path, subtype 4), then the end node. */
#define LOADER u"\\EFI\\systemd\\systemd-bootx64.efi"
static const struct __attribute__((packed)) {
	u8 type, subtype, length[2];
	char16 name[sizeof(LOADER) / sizeof(char16)];
	u8 end[4];
} TAIL = { 4, 4, { 4 + sizeof(LOADER), 0 }, LOADER, { PATH_END, 0xff, 4, 0 } };

/* An empty relocation block: some firmware refuses a program without relocations. */
__attribute__((section(".reloc"), used)) static const u32 RELOCATIONS[2] = { 0x1000, 8 };

static u64 start_loader(handle self, const struct boot_services *boot)
{
	struct loaded_image *image;
	const u8 *device;
	u8 path[PATH_MAX];
	handle loader;
	u64 at = 0, status;

	if ((status = boot->handle_protocol(self, &LOADED_IMAGE, (void **)&image)) != 0)
		return status;
	if ((status = boot->handle_protocol(image->device, &DEVICE_PATH, (void **)&device)) != 0)
		return status;
	/* The device's path up to its end node, then the file on it. */
	for (u64 node = 0; device[node] != PATH_END; node = at) {
		u64 end = node + (device[node + 2] | device[node + 3] << 8);
		if (end < node + 4 || end > PATH_MAX - sizeof(TAIL))
			return 1;
		for (; at < end; at++)
			path[at] = device[at];
	}
	for (u64 i = 0; i < sizeof(TAIL); i++)
		path[at + i] = ((const u8 *)&TAIL)[i];
	if ((status = boot->load_image(0, self, path, 0, 0, &loader)) != 0)
		return status;
	return boot->start_image(loader, 0, 0);
}

u64 EFIAPI efi_main(handle self, struct system_table *system)
{
	u64 status = start_loader(self, system->boot);
	struct text_output *out = system->out;

	if (out)
		out->output_string(out, u"\r\nberth: the boot loader gave up; resetting in 3 seconds\r\n");
	system->boot->stall(3000000);
	system->runtime->reset_system(RESET_COLD, status, 0, 0);
	return status;
}
