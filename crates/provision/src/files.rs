//! What a config wants in the new root: files, folders, links, accounts, units, kernel arguments.
