// Temporary copies of unseekable input, and temporary files whose purpose an error names.

import System

/// The properties that a sound file states before all of it is decoded.
package struct SoundProperties: Sendable {
    package let channelCount: Int
    package let sampleRateHz: Int
    /// nil if the file announces no length; it may be wrong.
    package let announcedSeconds: Double?
}

/// Limits of temporary copies: a small file may hold days of silence, which would fill the disk.
package struct SpoolLimits: Sendable {
    /// ffmpeg decodes little more than this; nil for any length.
    package var seconds: Double?
    /// Most bytes of a copy; nil for any number. The copy that ffmpeg makes of an hour of stereo
    /// takes 1.3 GB.
    package var bytes: Int?
    /// Refuses a sound, by an error of its own, before ffmpeg decodes all of it; nil for none.
    package var refuse: (@Sendable (SoundProperties) throws -> Void)?
    /// ffmpeg is killed when it has written nothing for this long. Large files get a second more
    /// for each 20 MB, because ffmpeg may have to read to their end, for example in a video whose
    /// sound ends early.
    package var silenceSeconds = 60.0

    package init(
        seconds: Double? = nil, bytes: Int? = nil,
        refuse: (@Sendable (SoundProperties) throws -> Void)? = nil
    ) {
        self.seconds = seconds
        self.bytes = bytes
        self.refuse = refuse
    }
}

/// How a track is opened: the folder and the limits of temporary copies, a check for cancellation while
/// they are made, and what libsndfile may decode.
package struct Spool: Sendable {
    package let folder: String?
    /// Folder for copies where the system's folder takes none; nil for none.
    let otherFolder: String?
    let limits: SpoolLimits
    /// Whether libsndfile decodes every format that it knows, and not only the listed ones.
    let allFormats: Bool
    let isCancelled: @Sendable () -> Bool

    /// - Parameters:
    ///   - folder: nil for the system's folder of temporary files.
    ///   - otherFolder: taken where no file can be made in the system's folder.
    ///   - isCancelled: called while a copy is made; `true` ends it with `CancellationError`.
    package init(
        folder: String? = nil, otherFolder: String? = nil, limits: SpoolLimits = SpoolLimits(),
        allFormats: Bool = false, isCancelled: @escaping @Sendable () -> Bool = { false }
    ) {
        self.folder = folder
        self.otherFolder = otherFolder
        self.limits = limits
        self.allFormats = allFormats
        self.isCancelled = isCancelled
    }

    /// Makes a descriptor seekable: a file stays as it is, a pipe or a socket is copied to its end.
    ///
    /// The descriptor is taken over, and closed if this fails.
    ///
    /// - Throws: ``AudioError``; `CancellationError`.
    func file(_ descriptor: Int32, name: String) throws -> InputFile {
        var status = stat()
        let kind = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : S_IFREG
        guard kind == S_IFIFO || kind == S_IFSOCK else {
            return try InputFile(descriptor: descriptor, path: name)
        }
        defer { close(descriptor) }
        let copy = try unnamedFile(for: "the copy of \(name)")
        do {
            try transfer(from: descriptor, to: copy, name: name)
        } catch {
            close(copy)
            throw error
        }
        return try InputFile(descriptor: copy, path: name)
    }

    /// A file for a copy.
    ///
    /// - Throws: ``AudioError/unwritable(path:reason:)``.
    func unnamedFile(for name: String) throws(AudioError) -> Int32 {
        if folder == nil, let otherFolder,
            access(FilePath.temporaryFolder, W_OK | X_OK) != 0
        {
            return try TemporaryFiles.createUnnamed(in: otherFolder, for: name)
        }
        return try TemporaryFiles.createUnnamed(in: folder, for: name)
    }

    private func transfer(from source: Int32, to copy: Int32, name: String) throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var countBytes = 0
        let neverWaits = fcntl(source, F_GETFL) & O_NONBLOCK != 0
        while true {
            try checkCancellation()
            // Before a named pipe's first writer, read() reports an end; after its last, poll() waits.
            var request = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
            let isReady = poll(&request, 1, Self.waitMilliseconds) > 0
            guard isReady || (neverWaits && countBytes > 0) else { continue }
            let count: Int
            do throws(SystemError) {
                count = try retryingInterrupted { read(source, &buffer, buffer.count) }
            } catch {
                if error.code == EAGAIN { continue }
                throw AudioError.unreadable(path: name, error)
            }
            if count == 0 { return }
            countBytes += count
            try checkRoom(for: countBytes, name: name)
            do {
                try buffer.withUnsafeBytes {
                    try writeAll(UnsafeRawBufferPointer(rebasing: $0[..<count]), to: copy)
                }
            } catch {
                throw AudioError.writeFailed(path: "the copy of \(name)", reason: "\(error)")
            }
        }
    }

    /// - Throws: ``AudioError/copyTooLarge(path:limitBytes:)``.
    func checkRoom(for bytes: Int, name: String) throws(AudioError) {
        if let limit = limits.bytes, bytes > limit {
            throw .copyTooLarge(path: name, limitBytes: limit)
        }
    }

    /// - Throws: `CancellationError`.
    package func checkCancellation() throws {
        if isCancelled() { throw CancellationError() }
    }

    /// Time to wait for data before the next check for cancellation.
    static let waitMilliseconds: Int32 = 50
}

extension TemporaryFiles {
    /// Creates a file for reading and writing without a name. It is freed when its descriptor is
    /// closed, even if the process is killed.
    ///
    /// - Parameters:
    ///   - folder: nil for the system's folder of temporary files.
    ///   - name: the file's purpose, as the subject of an error's message.
    /// - Throws: ``AudioError/unwritable(path:reason:)``.
    package static func createUnnamed(
        in folder: String?, for name: String
    ) throws(AudioError) -> Int32 {
        do {
            return try createUnnamed(in: folder)
        } catch {
            throw .unwritable(path: "\(name), in \(folder ?? FilePath.temporaryFolder)", error)
        }
    }
}
