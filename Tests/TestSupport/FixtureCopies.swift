// Complete copies of fixtures, including the tensors that the files in Tests/Fixtures only describe
// (reference/draw.py).

import Foundation
import Synchronization
import WeightsLoader

/// A temporary folder of the process, removed when it exits.
enum FixtureCopies {
    static let sources = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    private static let folder: URL = {
        atexit { try? FileManager.default.removeItem(at: FixtureCopies.folder) }
        return FileManager.default.temporaryDirectory
            .appendingPathComponent("swift-demucs-fixtures-\(UUID().uuidString)")
    }()

    private static let made = Mutex<Set<String>>([])

    /// A copy of a fixture if it has drawn tensors, otherwise the fixture itself; a copy of a
    /// folder if any file in it has drawn tensors.
    static func url(_ relative: String) throws -> URL {
        let source = sources.appendingPathComponent(relative)
        var isFolder: ObjCBool = false
        guard !relative.hasPrefix(".."),
            FileManager.default.fileExists(atPath: source.path, isDirectory: &isFolder)
        else { return source }
        return try made.withLock { made in
            if !isFolder.boolValue {
                return try complete(relative, &made) ? copy(of: relative) : source
            }
            let files = try FileManager.default.contentsOfDirectory(atPath: source.path)
                .filter { $0.hasSuffix(".safetensors") }.map { "\(relative)/\($0)" }
            let stored = try files.filter { try !complete($0, &made) }
            guard stored.count < files.count else { return source }
            for file in stored where made.insert(file).inserted {
                try FileManager.default.copyItem(
                    at: sources.appendingPathComponent(file), to: copy(of: file))
            }
            return copy(of: relative)
        }
    }

    private static func copy(of relative: String) -> URL {
        folder.appendingPathComponent(relative)
    }

    /// Whether the fixture has drawn tensors; if so, makes its copy.
    private static func complete(_ relative: String, _ made: inout Set<String>) throws -> Bool {
        if made.contains(relative) { return true }
        guard relative.hasSuffix(".safetensors") else { return false }
        let checkpoint = try Checkpoint.open(sources.appendingPathComponent(relative).path)
        var file = try RawCheckpoint(checkpoint)
        guard let drawn = file.metadata.removeValue(forKey: "drawn") else { return false }
        guard let seed = file.metadata["seed"].flatMap({ UInt64($0) }) else {
            throw FixtureError(text: "\(relative) has drawn tensors but no seed")
        }
        file.tensors += try DrawnTensor.parse(drawn).map {
            .init(name: $0.name, shape: $0.shape, floats: $0.values(seed: seed))
        }
        let url = copy(of: relative)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try file.data.write(to: url)
        made.insert(relative)
        return true
    }
}
