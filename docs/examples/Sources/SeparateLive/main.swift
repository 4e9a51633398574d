// Stems while the music plays: pieces go in, blocks of stems come out soon after.
//
//     swift run -c release SeparateLive ../Models/demo.safetensors

import DemucsEngine
import Foundation

guard CommandLine.arguments.count == 2 else {
    print("error: give the path of a model: SeparateLive MODEL.safetensors")
    exit(2)
}
let checkpoint = URL(fileURLWithPath: CommandLine.arguments[1])

/// Twelve seconds in pieces of half a second, as a microphone or a network would give them.
let pieces = AsyncStream<PlanarAudio> { continuation in
    for piece in 0..<24 {
        let tone = (0..<22_050).map { sample in
            Float(0.3 * sin(2 * .pi * 220 * (0.5 * Double(piece) + Double(sample) / 44_100)))
        }
        continuation.yield(PlanarAudio(channels: [tone, tone], sampleRateHz: 44_100))
    }
    continuation.finish()
}

let separator = try await Separator.load(ModelFiles(checkpoint: checkpoint))
var seconds = 0.0
for try await block in separator.stems(of: pieces, live: .balanced) {
    seconds += block[0].audio.durationSeconds
    print("\(seconds) s: \(block.map(\.name).joined(separator: ", "))")
}
