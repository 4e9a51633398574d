// Also Embedded Swift: typed throws, no key paths, no casts.
// Reader of the files that `torch.save` wrote before 1.6, and still writes with
// `_use_new_zipfile_serialization=False`. They have, in this order:
//
//     pickle    the magic number 0x1950a86a20f9469cfc6c
//     pickle    the protocol, 1001
//     pickle    a dictionary about the machine; its `little_endian` must be True
//     pickle    the object; tensors in it name their storages by key
//     pickle    the list of keys, in the order of the storages
//     for each  the number of elements (64 bits), then the elements
//
// Reference: torch/serialization.py, `_legacy_save` and `_legacy_load`.

/// The older format of `.th` checkpoints.
enum TorchLegacy {
    /// PROTO 2 and LONG1 with the ten bytes of the magic number.
    static let mark: [UInt8] = [
        0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
    ]
    private static let protocolVersion = 1001

    /// Reads the pickles and walks over the storages.
    static func read(_ file: FileBytes) throws(FormatFailure) -> CheckpointContents {
        var cursor = ByteCursor(file)
        _ = try Unpickled(&cursor)
        let version = try Unpickled(&cursor)
        guard case .integer(protocolVersion) = version.root else {
            throw cursor.failure(
                "the protocol of torch's older form should be \(protocolVersion)")
        }
        let machine = try Unpickled(&cursor)
        if case .bool(false) = machine.heap.members(machine.root)?["little_endian"] {
            throw FormatFailure(
                unsupported: "its numbers are stored in big-endian order; save it again on a "
                    + "little-endian machine")
        }
        let package = try Unpickled(&cursor)
        let keys = try Unpickled(&cursor)
        guard let order = keys.heap.elements(keys.root) else {
            throw cursor.failure("the list of storages is not a list")
        }
        var storageRanges: [String: Range<Int>] = [:]
        for key in order {
            guard case .string(let key) = key, let storage = package.objects.storages[key],
                storageRanges[key] == nil
            else {
                throw cursor.failure("the list names a storage twice, or one that nothing uses")
            }
            let count = try cursor.littleEndian(Int64.self, "a storage's number of elements")
            guard let size = storage.countBytes, count == storage.count else {
                throw cursor.failure(
                    "the storage \"\(key)\" has \(count) elements; its tensors expect "
                        + "\(storage.count)")
            }
            storageRanges[key] = try cursor.take(size, "the storage \"\(key)\"")
        }
        guard cursor.isAtEnd else {
            throw cursor.failure("\(cursor.remainingBytes) bytes after the last storage")
        }
        return try TorchPackage(package, storageRanges: storageRanges).contents()
    }
}
