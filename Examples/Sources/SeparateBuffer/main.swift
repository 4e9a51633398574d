// Audio in memory: load a model, separate a buffer, and stop halfway.
//
//     swift run -c release SeparateBuffer ../Models/demo.safetensors

import Demucs
import Foundation

/// Three seconds of two detuned tones with a click twice a second.
func generatedTrack(sampleRateHz: Int) -> AudioBuffer {
    let channels = [220.0, 221.5].map { toneHz in
        (0..<3 * sampleRateHz).map { sample in
            let seconds = Double(sample) / Double(sampleRateHz)
            let click = sample % (sampleRateHz / 2) < 40 ? 0.5 : 0
            return Float(0.3 * sin(2 * .pi * toneHz * seconds) + click)
        }
    }
    return AudioBuffer(channels: channels, sampleRateHz: sampleRateHz)
}

guard CommandLine.arguments.count == 2 else {
    print("error: give the path of a model: SeparateBuffer MODEL.safetensors")
    exit(2)
}
let modelPath = CommandLine.arguments[1]

func run() async throws {
    let separator = try Separator(modelAt: modelPath)
    print("Model \(separator.model.name): \(separator.model.sources.joined(separator: ", "))")

    let track = generatedTrack(sampleRateHz: separator.model.sampleRateHz)
    let options = SeparationOptions(shifts: 1, seed: 42)
    let separation = try await separator.separate(track, options: options)
    for stem in separation.stems {
        let peak = stem.audio.channels.joined().reduce(0) { max($0, abs($1)) }
        print("\(stem.name): \(stem.audio.sampleCount) samples, peak \(peak)")
    }
    if let vocals = separation["vocals"] {
        print("The vocals last \(vocals.durationSeconds) s")
    }

    // A progress callback may stop the work; so may any other thread that has the token.
    let cancellation = CancellationToken()
    let manyShifts = SeparationOptions(shifts: 10, seed: 42)
    do {
        _ = try separator.separate(track, options: manyShifts, cancellation: cancellation) { step in
            if step.segmentsDone == 1 { cancellation.cancel() }
        }
        print("error: the separation went on although it was cancelled")
        exit(1)
    } catch is CancellationError {
        print("Cancelled after the first segment")
    }
}

try await run()
