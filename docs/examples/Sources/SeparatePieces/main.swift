// A track that arrives in pieces, from a network or a microphone: an asynchronous sequence.
//
//     swift run -c release SeparatePieces ../Models/demo.safetensors stems

import Demucs
import Foundation

guard CommandLine.arguments.count == 3 else {
    print("error: give a model and a folder: SeparatePieces MODEL FOLDER")
    exit(2)
}
let (modelPath, folder) = (CommandLine.arguments[1], CommandLine.arguments[2])

/// Ten pieces of a quarter of a second.
let pieces = AsyncStream<PlanarAudio> { continuation in
    for piece in 0..<10 {
        let tone = (0..<11_025).map { sample in
            Float(0.3 * sin(2 * .pi * 220 * (0.25 * Double(piece) + Double(sample) / 44_100)))
        }
        continuation.yield(PlanarAudio(channels: [tone, tone], sampleRateHz: 44_100))
    }
    continuation.finish()
}

let separator = try await Separator.load(ModelFiles(checkpoint: modelPath))
try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
let outputs = separator.model.sources.map { stem in
    StemOutput(name: stem, signal: .stem(stem), to: .file("\(folder)/\(stem).wav"))
}
let track = try await AudioInput.collect(pieces)
let report = try await separator.separate(track, into: outputs)
print("\(report.durationSeconds) s separated into \(report.outputs.count) files")
