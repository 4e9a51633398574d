// Stems as a ZIP archive that is made while it is sent, with libarchive.

import CServiceLibraries
import System

/// The archive: each read packs the next piece of a file. Nothing is compressed, because audio
/// hardly gets smaller.
final class ZipStream: ByteStream {
    struct Entry {
        let name: String
        /// The open file; nil if it is empty.
        let descriptor: Int32?
        let bytes: Int

        func closeFile() {
            if let descriptor { close(descriptor) }
        }
    }

    private struct Broken: Error {}

    let silenceSeconds = 0

    private let zip: zip_library
    private let archive: OpaquePointer
    private let modified: Double
    private var entries: ArraySlice<Entry>
    /// Bytes of the first entry that were packed; nil before its header.
    private var packed: Int?
    private var isClosed = false
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)
    /// Packed bytes that were not sent yet.
    fileprivate var pending: [UInt8] = []

    /// - Parameter entries: entries with open files, which the stream closes.
    init(_ libraries: ServiceLibraries, _ entries: [Entry], modified: Double) throws(Problem) {
        zip = libraries.zip
        self.entries = entries[...]
        self.modified = modified
        guard let archive = zip.write_new() else {
            for entry in entries { entry.closeFile() }
            throw Problem(.busy, "There is no memory for an archive.")
        }
        self.archive = archive
        guard zip.write_set_format_zip(archive) == ARCHIVE_OK,
            zip.write_set_options(archive, "zip:compression=store,zip:hdrcharset=UTF-8")
                == ARCHIVE_OK,
            // Otherwise libarchive would pad to blocks of 10 kB.
            zip.write_set_bytes_per_block(archive, 0) == ARCHIVE_OK,
            zip.write_open(archive, Unmanaged.passUnretained(self).toOpaque(), nil, takePacked, nil)
                == ARCHIVE_OK
        else { throw Problem(.failed, "The archive can't be made.") }
    }

    /// Bytes of the archive; nil from 4 GiB on, where its records depend on each entry's place.
    ///
    /// libarchive writes what it writes for empty files of these names, and the files.
    static func bytes(of entries: [Entry], _ libraries: ServiceLibraries) throws -> Int? {
        let content = entries.reduce(0) { $0 + $1.bytes }
        guard content < 1 << 32 - 1 << 20 else { return nil }
        let empty = entries.map { Entry(name: $0.name, descriptor: nil, bytes: 0) }
        let records = try ZipStream(libraries, empty, modified: 0)
        var buffer = [UInt8](repeating: 0, count: 1 << 12)
        var count = 0
        while let part = try buffer.withUnsafeMutableBytes({ try records.read(into: $0) }) {
            count += part
        }
        return count + content
    }

    deinit {
        // If the client has disconnected, the archive needs no end.
        if !isClosed { _ = zip.write_fail(archive) }
        _ = zip.write_free(archive)
        for entry in entries { entry.closeFile() }
    }

    func read(into target: UnsafeMutableRawBufferPointer) throws -> Int? {
        while pending.isEmpty {
            if isClosed { return nil }
            try pack()
        }
        let count = min(target.count, pending.count)
        pending.withUnsafeBytes {
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count]))
        }
        pending.removeFirst(count)
        return count
    }

    /// Packs the next header or piece.
    private func pack() throws {
        guard let entry = entries.first else {
            isClosed = true
            guard zip.write_close(archive) == ARCHIVE_OK else { throw Broken() }
            return
        }
        guard let packed else {
            try begin(entry)
            self.packed = 0
            return
        }
        let count =
            entry.descriptor.map { pread($0, &buffer, buffer.count, off_t(packed)) } ?? 0
        if count > 0 {
            guard zip.write_data(archive, buffer, count) == count else { throw Broken() }
            self.packed = packed + count
        } else {
            guard count == 0, packed == entry.bytes else { throw Broken() }
            entry.closeFile()
            entries.removeFirst()
            self.packed = nil
        }
    }

    private func begin(_ entry: Entry) throws {
        let header = zip.entry_new()
        defer { zip.entry_free(header) }
        _ = zip.entry_update_pathname_utf8(header, entry.name)
        zip.entry_set_size(header, Int64(entry.bytes))
        zip.entry_set_mtime(header, time_t(modified), 0)
        zip.entry_set_filetype(header, UInt32(S_IFREG as mode_t))
        zip.entry_set_perm(header, 0o644)
        guard zip.write_header(archive, header) == ARCHIVE_OK else { throw Broken() }
    }
}

private let takePacked:
    @convention(c) (
        OpaquePointer?, UnsafeMutableRawPointer?, UnsafeRawPointer?, Int
    ) -> Int = { _, context, bytes, count in
        guard let context else { return -1 }
        let stream = Unmanaged<ZipStream>.fromOpaque(context).takeUnretainedValue()
        stream.pending += UnsafeRawBufferPointer(start: bytes, count: count)
        return count
    }
