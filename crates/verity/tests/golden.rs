//! Trees held against what `veritysetup format` (cryptsetup 2.7.5) makes of the same data.
#![allow(clippy::unwrap_used)]

use layout::Guid;
use sha2::{Digest, Sha256};
use verity::{BLOCK, HashTree, Superblock, TreeError, leaves, root_hash_of_top};

const UUID: &str = "e7f37fbb-057b-4b56-a3eb-3d3ef074232b";
const NO_SALT: &str = "";
const SALT: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Blocks, salt, root hash, SHA-256 of the whole hash file.
#[rustfmt::skip]
const GOLDEN: [(usize, &str, &str, &str); 10] = [
    (2, NO_SALT, "b3234d7ab9b86f207d2a7d6803d4a04cd2001cb7ac2c25cfac8a3970122aea34", "84c5be7db51af5602c6f3d288558e6c73825e655f59d1b255b0bf563eab56971"),
    (2, SALT, "bdf932dc9999f93f4a003f8bf6bd6ec598c4571a61e6f5c6d95657c2751f81e9", "566c20a218b30c15899cf0fa20edd11f2e086d913956c8804c456aa261f09ff9"),
    (128, NO_SALT, "6aa8187293a06255cfaee7cc857d00e6b2c812a7408a6937043bf7587ccad808", "f3ab89e4a81c6e770b0b704e64c866d405ba59ef324736c2a344a9ae7cf6de59"),
    (128, SALT, "a1c6195fe664c52afe2cc691c5a0f0005d7ec45a9c74f32151c43e6bc346a8d5", "128c380eab8c211aa73daf17502c655f8c508bbd330f653e3fc4343db62df41f"),
    (129, NO_SALT, "c1acf64f5a5c33599d7a59f69c01cde084e2e95e2c17333eb62a31abd16bac04", "6f98edc357a37a5d92b75b549c87792bf1aaea9250b03f40580180dd1efe3b5c"),
    (129, SALT, "adbbdacb6445bb90a5e574a710ce7a683ff452e0009711bff4be5ffd80838adc", "039996ccdfe7f936090d829cf1e9f70b3b52961f0969ed1f5593a830c90e2ac3"),
    (16384, NO_SALT, "06681ee7893543f8f10ce4ccbfa98ea8210d128aa383b07020cb7612619869c6", "2691537444e1f277f2d018ccbf804ac8a65386cec34742b9b8931d51f28e0f6c"),
    (16384, SALT, "6f4042f013929930adf4bcb8311e57504370ed6f9cc5f29f4c4dfee55ea10f30", "e99fd78ff433edc4c6b8ecf44f1754a963b09cf8758c93ac61b358b1632d923a"),
    (16385, NO_SALT, "4274054a0fdedf45e63163da9f4d2dc427219d3bf68e8cefc69f8aa59c994b6c", "2a3c20786ddc687e9b6ed97c1852206cac8c775cf551cca4d2fc871fe29da708"),
    (16385, SALT, "af70c03bcc35c3eaacad8ca4fdafddb5756c3132996303fc85a106d3fef66bf3", "cd42ce2ab781d1b56456dafb785abca8a098086e153ca339706170405d165672"),
];

/// Data in which no two blocks near each other are alike.
fn data(blocks: usize) -> Vec<u8> {
    (0..blocks)
        .flat_map(|i| {
            let half = |byte: usize| std::iter::repeat_n(byte as u8, BLOCK / 2);
            half(i % 251).chain(half(i / 251))
        })
        .collect()
}

fn tree(blocks: usize, salt: &[u8]) -> HashTree {
    let uuid: Guid = UUID.parse().unwrap();
    HashTree::from_leaves(uuid, salt, &leaves(salt, &data(blocks)).unwrap()).unwrap()
}

#[test]
fn the_same_bytes_as_veritysetup() {
    for (blocks, salt, root_hash, file) in GOLDEN {
        let tree = tree(blocks, &hex::decode(salt).unwrap());
        assert_eq!(tree.root_hash.to_string(), root_hash, "{blocks} blocks");
        assert_eq!(hex::encode(Sha256::digest(&tree.bytes)), file, "{blocks}");
        assert_eq!(tree.bytes.len() as u64, HashTree::size_for((blocks * BLOCK) as u64));
    }
}

#[test]
fn the_top_block_and_the_superblock_give_the_root_hash() {
    for (blocks, salt, root_hash, _) in GOLDEN {
        let tree = tree(blocks, &hex::decode(salt).unwrap());
        let superblock = Superblock::parse(&tree.bytes).unwrap();
        assert_eq!(superblock.data_size(), (blocks * BLOCK) as u64);
        assert_eq!(superblock.uuid.to_string(), UUID);
        let at = superblock.top_block_offset() as usize;
        let mut top = *tree.bytes[at..].first_chunk::<BLOCK>().unwrap();
        let given = root_hash_of_top(&top, &superblock);
        assert_eq!(given, root_hash.parse().unwrap());
        top[17] ^= 1;
        assert_ne!(root_hash_of_top(&top, &superblock), given);
    }
}

#[test]
fn runs_hashed_apart_join_to_the_same() {
    let data = data(300);
    let whole = leaves(b"salt", &data).unwrap();
    let (a, b) = data.split_at(131 * BLOCK);
    let joined = [leaves(b"salt", a).unwrap(), leaves(b"salt", b).unwrap()].concat();
    assert_eq!(whole, joined);
}

#[test]
fn data_that_can_have_no_tree_is_refused() {
    assert_eq!(leaves(b"", &[0; BLOCK + 1]), Err(TreeError::PartialBlock(BLOCK + 1)));
    let make =
        |salt: &[u8], blocks| HashTree::from_leaves(Guid::NIL, salt, &leaves(salt, &data(blocks)).unwrap());
    assert_eq!(make(b"", 0), Err(TreeError::TooSmall(0)));
    assert_eq!(make(b"", 1), Err(TreeError::TooSmall(1)));
    assert_eq!(make(&[0; 257], 2), Err(TreeError::SaltTooLong(257)));
    assert!(make(&[0; 256], 2).is_ok());
}

#[test]
fn the_target_has_the_parameters_that_the_kernel_documents() {
    let (_, salt, root_hash, _) = GOLDEN[1];
    let superblock = Superblock { uuid: Guid::NIL, data_blocks: 2, salt: hex::decode(salt).unwrap() };
    let root_hash = root_hash.parse().unwrap();
    assert_eq!(
        verity::target_params(&superblock, &root_hash, "254:3", "254:4", &["panic_on_corruption"]),
        format!("1 254:3 254:4 4096 4096 2 1 sha256 {root_hash} {SALT} 1 panic_on_corruption")
    );
    let unsalted = Superblock { salt: vec![], ..superblock };
    assert_eq!(
        verity::target_params(&unsalted, &root_hash, "a", "b", &[]),
        format!("1 a b 4096 4096 2 1 sha256 {root_hash} -")
    );
}
