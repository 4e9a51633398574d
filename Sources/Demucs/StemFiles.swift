// Writes all signals of a track to files, several signals at once.

import Audio
import Synchronization
import System

/// Writes the files of one track, from the first block of stems to their final names.
package final class StemFiles: Sendable {
    /// Writers of the outputs, then of the tracks of the stem file.
    private let writers: [SignalWriter]
    private let stemFile: StemFileWriter?
    private let options: OutputOptions
    private let tags: AudioTags?
    /// Most signals that are encoded at once.
    private let threads: Int

    /// Opens temporary files for all signals.
    ///
    /// - Parameters:
    ///   - outputs: at least one, or a stem file.
    ///   - stemFile: a stem file of the same track.
    ///   - input: the track, which no file may replace; `nil` for none.
    ///   - stems: names of the stems in a block, in their order.
    ///   - shape: channels, rates and length of every signal.
    ///   - tags: title, artist and so on; `nil` for none.
    /// - Throws: `SeparationError` if there is no room, nothing can be written or two outputs have one
    ///   name; `AudioError`, also for a file that two outputs have or that is the track.
    package init(
        _ outputs: [StemOutput], stemFile: StemFileWriter? = nil, of input: AudioInput? = nil,
        stems: [String], shape: SignalShape, options: OutputOptions, tags: AudioTags? = nil,
        threads: Int
    ) throws {
        if let output = outputs.first,
            let problem = options.format.problem(
                channelCount: shape.channelCount, sampleRateHz: shape.sampleRateHz)
        {
            throw AudioError.unsupportedOutput(path: output.destination.name, problem: problem)
        }
        for path in outputs.compactMap(\.path) {
            _ = try OutputFormat(options.format, ofFile: path)
        }
        var names: Set<String> = []
        for name in outputs.map(\.name) {
            try SeparationError.require(
                names.insert(name).inserted, "name", name, "another name for each output")
        }
        try Self.checkFiles(
            outputs.map(\.destination) + (stemFile.map { [.file($0.path)] } ?? []),
            of: input)
        var space = DiskSpace()
        for output in outputs {
            try output.reserve(&space, shape: shape, options: options)
        }
        try stemFile?.reserve(&space)
        try space.check()
        var writers = try outputs.map {
            try SignalWriter($0, stems: stems, shape: shape, options: options, tags: tags)
        }
        if let stemFile {
            writers += try stemFile.tracks.map {
                try SignalWriter(
                    $0, stems: stems, shape: shape, options: stemFile.trackOptions, tags: nil)
            }
        }
        self.writers = writers
        self.stemFile = stemFile
        self.options = options
        self.tags = tags
        self.threads = threads
    }

    /// Checks that each output has a file of its own, and none replaces the track.
    ///
    /// - Throws: `AudioError.unwritable`.
    private static func checkFiles(
        _ destinations: [OutputDestination], of input: AudioInput?
    ) throws(AudioError) {
        let track = input?.fileStatus?.file
        var files: Set<FileIdentity> = []
        var newPaths = NewPaths<Void>()
        for destination in destinations {
            let problem: String?
            if let file = destination.existingFile {
                problem =
                    file == track
                    ? "it is the track itself" : files.insert(file).inserted ? nil : sharedFile
            } else if case .file(let path) = destination {
                let folder = FilePath.folder(of: path)
                let place = FilePath.joined(
                    FilePath.resolved(folder) ?? folder, FilePath.name(of: path))
                let isShared = newPaths.insert(place, (), probing: folder) != nil
                problem =
                    path.utf8.contains(0)
                    ? "its path has a zero byte" : isShared ? sharedFile : nil
            } else {
                problem = nil
            }
            if let problem { throw .unwritable(path: destination.name, reason: problem) }
        }
    }

    private static let sharedFile = "it is the file of another output, too"

    /// Takes the next samples.
    package func append(_ block: StemBlock) throws {
        try forEachWriter { try $0.append(block) }
    }

    /// Completes all files. Complete files stay even if a later one fails.
    ///
    /// - Parameter newTags: in the place of those that the files began with; `nil` for these.
    /// - Throws: `SeparationError`, `AudioError`, `CancellationError`.
    @discardableResult
    package func finish(
        tags newTags: AudioTags? = nil, cancellation: CancellationToken
    ) throws -> [TrackReport.Output] {
        try forEachWriter { try $0.end() }
        let commonPeak =
            options.gain == .common ? writers.reduce(0) { max($0, $1.peak) } : nil
        let reports = try forEachWriter { writer in
            try cancellation.check()
            return try writer.finish(
                commonPeak: commonPeak, tags: newTags, cancellation: cancellation)
        }
        guard let stemFile else { return reports }
        let count = reports.count - stemFile.tracks.count
        return reports.prefix(count) + [
            try stemFile.finish(
                reports[count...], tags: newTags ?? tags, cancellation: cancellation)
        ]
    }

    /// Names the stem file in errors of its temporary files, which have no names.
    private func naming<Value>(_ index: Int, _ body: () throws -> Value) throws -> Value {
        guard let stemFile, index >= writers.count - stemFile.tracks.count else {
            return try body()
        }
        do {
            return try body()
        } catch AudioError.writeFailed(_, let reason) {
            throw AudioError.writeFailed(path: stemFile.path, reason: reason)
        } catch AudioError.outputNotFinite(_, let seconds, let channel) {
            throw AudioError.outputNotFinite(
                path: stemFile.path, seconds: seconds, channel: channel)
        }
    }

    /// Runs `body` for every writer, several at once, and returns the results in their order.
    ///
    /// Uses its own threads, because the engine's threads run the network meanwhile.
    /// - Throws: the first writer's error, after all have run.
    @discardableResult
    private func forEachWriter<Value: Sendable>(
        _ body: @escaping @Sendable (SignalWriter) throws -> Value
    ) throws -> [Value] {
        let results = Results<Value>(count: writers.count)
        let workers = min(threads, writers.count)
        let work = { @Sendable (worker: Int) in
            for index in stride(from: worker, to: self.writers.count, by: workers) {
                let result = Result { try self.naming(index) { try body(self.writers[index]) } }
                results.values.withLock { $0[index] = result }
            }
        }
        let others = (1..<max(1, workers)).map { worker in
            (worker, SystemThread { work(worker) })
        }
        work(0)
        for (worker, thread) in others {
            // The system may refuse to start a thread.
            if let thread { thread.join() } else { work(worker) }
        }
        return try results.values.withLock { try $0.compactMap { try $0?.get() } }
    }
}

private final class Results<Value: Sendable>: Sendable {
    let values: Mutex<[Result<Value, any Error>?]>

    init(count: Int) {
        values = Mutex([Result<Value, any Error>?](repeating: nil, count: count))
    }
}

extension OutputDestination {
    /// The file that is there; `nil` for none and for a device.
    fileprivate var existingFile: FileIdentity? {
        var status = stat()
        switch self {
        case .file(let path):
            guard let found = FilePath.status(path) else { return nil }
            status = found
        case .descriptor(let number):
            guard fstat(number, &status) == 0 else { return nil }
        }
        // A device keeps no bytes: several outputs may have it.
        return status.st_mode & S_IFMT == S_IFCHR ? nil : status.file
    }
}

extension StemOutput {
    /// Path of the file; `nil` for a descriptor.
    var path: String? {
        if case .file(let path) = destination { path } else { nil }
    }

    private var folder: String? { path.map(FilePath.folder) }

    /// The folder in which the signal is spooled until its peak is known.
    func spoolFolder(_ options: OutputOptions) -> String {
        options.spoolFolder ?? folder ?? FilePath.temporaryFolder
    }

    /// Adds the sizes of the temporary file and the file. FLAC is not counted: it takes less than its
    /// upper bound.
    fileprivate func reserve(
        _ space: inout DiskSpace, shape: SignalShape, options: OutputOptions
    ) throws(SeparationError) {
        if options.clipMode == .rescale {
            try space.add(shape.spoolBytes(options), in: spoolFolder(options))
        }
        guard let folder else { return }
        let bytes =
            options.format.container.row.compressesLosslessly
            ? 0 : shape.mostBytes(options.format)
        try space.add(bytes, in: folder)
    }
}

extension SignalShape {
    /// Bytes of the temporary file in which a signal waits until its peak is known.
    package func spoolBytes(_ options: OutputOptions) -> Int {
        options.clipMode == .rescale
            ? sampleCount * channelCount * MemoryLayout<Float>.stride : 0
    }

    /// Upper bound of a signal's size in a format, without header and tags.
    package func mostBytes(_ format: OutputFormat) -> Int {
        let row = format.container.row
        if let rate = row.bytesPerSecond { return (sampleCount / sampleRateHz + 1) * rate }
        let bytes = sampleCount * channelCount * format.storedFormat.sampleBytes
        // Noise is stored as it is, in frames with headers of less than 1 %.
        return row.compressesLosslessly ? bytes + bytes / 100 : bytes
    }
}

/// Sums the bytes that are needed in folders by file system, to check them before hours of work.
package struct DiskSpace {
    private var needs: [dev_t: (folder: String, bytes: Int)] = [:]

    package init() {}

    /// - Throws: `SeparationError.folderUnusable` unless files can be made there.
    package mutating func add(_ bytes: Int, in folder: String) throws(SeparationError) {
        guard let status = FilePath.status(folder), access(folder, W_OK | X_OK) == 0 else {
            let reason = SystemError.last.description
            throw .folderUnusable(
                folder: folder,
                reason: folder.utf8.contains(0) ? "its path has a zero byte" : reason)
        }
        needs[status.st_dev, default: (folder, 0)].bytes += bytes
    }

    /// - Throws: `SeparationError.notEnoughSpace`. Unknown free space passes.
    package func check() throws(SeparationError) {
        for (folder, bytes) in needs.values {
            if let free = TemporaryFiles.freeBytes(in: folder), bytes > free {
                throw .notEnoughSpace(folder: folder, neededBytes: bytes, freeBytes: free)
            }
        }
    }
}

extension AudioInput {
    /// The status of the original file; nil for samples.
    fileprivate var fileStatus: stat? {
        var status = stat()
        guard let descriptor = sourceDescriptor, fstat(descriptor, &status) == 0 else { return nil }
        return status
    }
}
