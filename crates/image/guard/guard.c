/*
 * The guard: EFI/BOOT/BOOTX64.EFI, what firmware starts first.
 *
 * systemd-boot returns to the firmware when a UKI fails to load, and many machines then sit in a
 * menu or a shell for ever. The guard starts systemd-boot and resets the machine when that returns,
 * so that the boot counter moves on to the other UKI.
 *
 * A guard and a loader that are new here are tried once before they take the place of the old ones:
 * BootNext has firmware start the new guard, with the new loader's path as its load options. When that
 * loader returns or hangs the machine is reset as well, and BootNext is gone by then.
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
struct loaded_image {
	u32 revision;
	handle parent;
	void *system;
	handle device;
	void *file;
	void *reserved;
	u32 options_size;
	const char16 *options;
};
struct boot_services {
	u8 header[24];
	void *to_signal_event[16];
	u64 (EFIAPI *handle_protocol)(handle, const guid *, void **);
	void *to_install_configuration_table[5];
	u64 (EFIAPI *load_image)(u8 policy, handle parent, const void *path, const void *source, u64 size, handle *);
	u64 (EFIAPI *start_image)(handle, u64 *size, char16 **data);
	void *to_get_next_monotonic_count[4];
	u64 (EFIAPI *stall)(u64 microseconds);
	u64 (EFIAPI *set_watchdog_timer)(u64 seconds, u64 code, u64 size, char16 *data);
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

enum { RESET_COLD = 0, PATH_END = 0x7f, PATH_MAX = 1024, NAME_MAX = 256 };
/* What a loader on trial has, in seconds, and who says so: codes up to 0xffff are firmware's. */
enum { TRIAL = 300, TRIAL_CODE = 0x10000 };

static const char16 LOADER[] = u"\\EFI\\systemd\\systemd-bootx64.efi";
static const u8 END[] = { PATH_END, 0xff, 4, 0 };

/* An empty relocation block: some firmware refuses a program without relocations. */
__attribute__((section(".reloc"), used)) static const u32 RELOCATIONS[2] = { 0x1000, 8 };

/* Some firmware has load options of its own for what it starts by default: those are no path. */
static int is_path(const char16 *options, u64 size)
{
	u64 count = size / sizeof(char16);

	return options && count > 1 && count * sizeof(char16) == size && size <= NAME_MAX && options[0] == u'\\' &&
	       options[count - 1] == 0;
}

static u64 start_loader(handle self, const struct boot_services *boot)
{
	struct loaded_image *image;
	const u8 *device, *name = (const u8 *)LOADER;
	u8 path[PATH_MAX];
	handle loader;
	u64 at = 0, size = sizeof(LOADER), status;

	if ((status = boot->handle_protocol(self, &LOADED_IMAGE, (void **)&image)) != 0)
		return status;
	if ((status = boot->handle_protocol(image->device, &DEVICE_PATH, (void **)&device)) != 0)
		return status;
	if (is_path(image->options, image->options_size)) {
		name = (const u8 *)image->options;
		size = image->options_size;
		boot->set_watchdog_timer(TRIAL, TRIAL_CODE, 0, 0);
	}
	/* The device's path up to its end node, then the file on it (media, type 4; file path, subtype 4). */
	for (u64 node = 0; device[node] != PATH_END; node = at) {
		u64 end = node + (device[node + 2] | device[node + 3] << 8);
		if (end < node + 4 || end > PATH_MAX - NAME_MAX - 8)
			return 1;
		for (; at < end; at++)
			path[at] = device[at];
	}
	path[at++] = 4;
	path[at++] = 4;
	path[at++] = (u8)(size + 4);
	path[at++] = (u8)((size + 4) >> 8);
	for (u64 i = 0; i < size; i++)
		path[at++] = name[i];
	for (u64 i = 0; i < sizeof(END); i++)
		path[at++] = END[i];
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
