// Opens damaged checkpoints and reads all of their content: a value or a `WeightsError`, no other
// error.

import Foundation
import WeightsLoader

/// One reader's files, damaged over and over.
package struct ReaderFuzz: Sendable, CustomStringConvertible {
    package let fixture: String
    package let container: FileMutator.Container

    /// Every reader with a small file of its format.
    package static let all = [
        ReaderFuzz(fixture: "types.safetensors", container: .safetensors),
        ReaderFuzz(fixture: "formats/views.th", container: .zip),
        ReaderFuzz(fixture: "formats/model.th", container: .zip),
        ReaderFuzz(fixture: "formats/views_legacy.th", container: .pickles),
        ReaderFuzz(fixture: "formats/legacy.th", container: .pickles),
        ReaderFuzz(fixture: "formats/ggml.bin", container: .ggml),
        ReaderFuzz(fixture: "formats/hdemucs.bin", container: .ggml),
        ReaderFuzz(fixture: "formats/demucs.th", container: .zip),
        ReaderFuzz(fixture: "formats/odd.onnx", container: .protobuf),
        ReaderFuzz(fixture: "formats/half.onnx", container: .protobuf),
    ]

    package var description: String { fixture }

    private func original() throws -> [UInt8] {
        [UInt8](try Data(contentsOf: Fixture.url("weights/\(fixture)")))
    }

    /// The results of reading the files.
    package struct Outcome: Sendable {
        package var opened = 0
        package var refused = 0
        /// The longest time for one file.
        package var slowestSeconds = 0.0
    }

    /// Damages the fixture `rounds` times.
    ///
    /// - Parameter also: further work with a checkpoint that opens; its errors count as refusals.
    /// - Throws: any error other than `WeightsError` or the errors of `also`, which means a bug.
    package func run(
        rounds: Int, seed: UInt64, also: (Checkpoint) throws -> Void = { _ in },
        isExpected: (any Error) -> Bool = { $0 is WeightsError }
    ) throws -> Outcome {
        let source = Fixture.url("weights/\(fixture)")
        let folder = TemporaryFolder()
        let data = URL(fileURLWithPath: source.path + ".data")
        if FileManager.default.fileExists(atPath: data.path) {
            try FileManager.default.copyItem(
                at: data, to: folder.url(data.lastPathComponent))
        }

        let original = try original()
        var mutator = FileMutator(original, container: container, seed: seed)
        var outcome = Outcome()
        let file = folder.url("damaged")
        for round in 0..<rounds {
            try Data(mutator.next(round: round)).write(to: file)
            let start = ContinuousClock.now
            do {
                let checkpoint = try Checkpoint.open(file.path)
                try readEverything(checkpoint)
                try also(checkpoint)
                outcome.opened += 1
            } catch  where isExpected(error) {
                outcome.refused += 1
            }
            outcome.slowestSeconds = max(
                outcome.slowestSeconds, (ContinuousClock.now - start) / .seconds(1))
        }
        return outcome
    }

    /// Writes the files that ``run(rounds:seed:also:isExpected:)`` reads, for readers elsewhere.
    package func write(rounds: Int, seed: UInt64, into folder: URL) throws {
        var mutator = FileMutator(try original(), container: container, seed: seed)
        let name = fixture.replacing("/", with: ".")
        for round in 0..<rounds {
            try Data(mutator.next(round: round)).write(
                to: folder.appendingPathComponent("\(name).\(round)"))
        }
    }

    private static let classNames = [
        "demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs", "demucs.demucs.Demucs",
    ]

    private func readEverything(_ checkpoint: Checkpoint) throws {
        for name in checkpoint.submodels { _ = try checkpoint.submodel(name) }
        for tensor in checkpoint.tensors {
            let bytes = try checkpoint.read(tensor) { $0.count }
            precondition(bytes == tensor.countBytes || tensor.elementType.bits < 8)
            if tensor.elementType.widensToFloat32 {
                let values = try checkpoint.floats(tensor)
                precondition(values.count == tensor.count)
            }
        }
        if checkpoint.describesModel {
            _ = try checkpoint.modelArguments(ofClasses: Self.classNames)
        }
    }
}
