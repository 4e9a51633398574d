// Compressed replies, with the gzip filter of libarchive. Reference: RFC 1952.

import CServiceLibraries
import System

enum Gzip {
    /// Shorter texts hardly get shorter: the header and the checksum take 18 bytes, and a packet
    /// holds more than this.
    static let leastBytes = 1024

    /// Compresses bytes; equal bytes give equal results.
    ///
    /// - Parameter level: from 1, fast, to 9, small.
    /// - Returns: nil if libarchive has no memory.
    static func compressed(
        _ bytes: [UInt8], level: Int, _ libraries: ServiceLibraries
    ) -> [UInt8]? {
        let zip = libraries.zip
        guard let archive = zip.write_new() else { return nil }
        defer { _ = zip.write_free(archive) }
        var packed: [UInt8] = []
        packed.reserveCapacity(bytes.count / 3)
        let isDone = withUnsafeMutablePointer(to: &packed) { packed in
            // A raw archive is the content of its only file.
            guard zip.write_set_format_raw(archive) == ARCHIVE_OK,
                zip.write_add_filter_gzip(archive) == ARCHIVE_OK,
                zip.write_set_options(
                    archive, "gzip:compression-level=\(level),gzip:!timestamp") == ARCHIVE_OK,
                zip.write_set_bytes_per_block(archive, 0) == ARCHIVE_OK,
                zip.write_open(archive, packed, nil, takeCompressed, nil) == ARCHIVE_OK
            else { return false }
            let entry = zip.entry_new()
            defer { zip.entry_free(entry) }
            // Apple's systems have the name twice, in two types.
            let kind: mode_t = S_IFREG
            zip.entry_set_filetype(entry, UInt32(kind))
            return zip.write_header(archive, entry) == ARCHIVE_OK
                && zip.write_data(archive, bytes, bytes.count) == bytes.count
                && zip.write_close(archive) == ARCHIVE_OK
        }
        return isDone ? packed : nil
    }

    /// Whether the value of an Accept-Encoding header allows gzip. Reference: RFC 9110, section
    /// 12.5.3.
    static func isAccepted(_ header: String?) -> Bool {
        (header ?? "").lowercased().split(separator: ",").contains { item in
            let parts = item.split(separator: ";").map { $0.filter { $0 != " " } }
            guard parts.first == "gzip" else { return false }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }?.dropFirst(2)
            return weight.map { (Double($0) ?? 0) > 0 } ?? true
        }
    }
}

private let takeCompressed:
    @convention(c) (
        OpaquePointer?, UnsafeMutableRawPointer?, UnsafeRawPointer?, Int
    ) -> Int = { _, context, bytes, count in
        guard let context else { return -1 }
        context.assumingMemoryBound(to: [UInt8].self).pointee +=
            UnsafeRawBufferPointer(start: bytes, count: count)
        return count
    }
