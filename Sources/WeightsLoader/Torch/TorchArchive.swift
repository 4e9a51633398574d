// Also Embedded Swift: typed throws, no key paths, no casts.
// Reader of the files that `torch.save` has written since 1.6: a zip archive of uncompressed
// entries in one folder of any name:
//
//     data.pkl      the pickle; tensors in it name their storages by key
//     data/{key}    each storage's bytes
//     byteorder     "little" or "big"; absent means little
//
// Reference: torch/serialization.py, `_save` and `_load`.

/// The zip format of the official `.th` checkpoints.
enum TorchArchive {
    /// Reads the pickle and finds the storages.
    static func read(_ file: FileBytes) throws(FormatFailure) -> CheckpointContents {
        let entries = try ZipArchive(file).entries
        let pickles = entries.values.filter {
            $0.name == "data.pkl" || $0.name.hasSuffix("/data.pkl")
        }
        guard let pickle = pickles.first, pickles.count == 1 else {
            throw FormatFailure(
                unsupported:
                    "it has \(pickles.count) entries named data.pkl where one is expected; "
                    + "give a checkpoint as published by the official package")
        }
        let folder = pickle.name.dropLast("data.pkl".count)
        guard entries[folder + "constants.pkl"] == nil else {
            throw FormatFailure(
                unsupported:
                    "it is a TorchScript program; give the checkpoint that it was made from")
        }
        if let order = entries[folder + "byteorder"] {
            let text = file.withBytes(order.byteRange) { String(decoding: $0, as: UTF8.self) }
            guard text == "little" else {
                throw FormatFailure(
                    unsupported:
                        "its numbers are stored in \(text.prefix(20))-endian order; save it "
                        + "again on a little-endian machine")
            }
        }
        // The storages' checksums are not checked: reading 84 MB would take longer than everything
        // else.
        guard file.withBytes(pickle.byteRange, CRC32.checksum) == pickle.checksum else {
            throw FormatFailure(
                "the checksum of \(pickle.name) is wrong", at: pickle.byteRange.lowerBound)
        }

        var cursor = ByteCursor(file, pickle.byteRange)
        let package = try Unpickled(&cursor)
        var storageRanges: [String: Range<Int>] = [:]
        for key in package.objects.storages.keys {
            storageRanges[key] = entries["\(folder)data/\(key)"]?.byteRange
        }
        return try TorchPackage(package, storageRanges: storageRanges).contents()
    }
}
