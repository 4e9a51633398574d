// Audio in memory: load a model, separate a buffer, watch the work, and stop it halfway.
//
//     swift run -c release SeparateBuffer ../Models/demo.safetensors

import DemucsEngine
import Foundation

/// Three seconds of two detuned tones with a click twice a second.
func generatedTrack(sampleRateHz: Int) -> PlanarAudio {
    let channels = [220.0, 221.5].map { toneHz in
        (0..<3 * sampleRateHz).map { sample in
            let seconds = Double(sample) / Double(sampleRateHz)
            let click = sample % (sampleRateHz / 2) < 40 ? 0.5 : 0
            return Float(0.3 * sin(2 * .pi * toneHz * seconds) + click)
        }
    }
    return PlanarAudio(channels: channels, sampleRateHz: sampleRateHz)
}

guard CommandLine.arguments.count == 2 else {
    print("error: give the path of a model: SeparateBuffer MODEL.safetensors")
    exit(2)
}
let modelPath = CommandLine.arguments[1]

func run() async throws {
    let track = try AudioInput(generatedTrack(sampleRateHz: 48_000))
    let options = SeparationOptions(shifts: 1, seed: 42)

    let separator = try await Separator.load(ModelFiles(checkpoint: modelPath))
    let separation = try await separator.separate(track, options: options)
    if let vocals = separation["vocals"] {
        print("The vocals last \(vocals.durationSeconds) s")
    }

    print("Model \(separator.model.name): \(separator.model.sources.joined(separator: ", "))")
    for stem in separation.stems {
        let peak = stem.audio.channels.joined().reduce(0) { max($0, abs($1)) }
        print("\(stem.name): \(stem.audio.sampleCount) samples, peak \(peak)")
    }

    let manyShifts = SeparationOptions(shifts: 10, seed: 42)
    for try await update in separator.updates(of: track, options: options) {
        switch update {
        case .progress(let step): print("\(Int(100 * step.fractionCompleted)) %")
        case .finished(let separation): print("\(separation.stems.count) stems")
        }
    }

    let work = Task { try await separator.separate(track, options: manyShifts) }
    work.cancel()
    do {
        _ = try await work.value
        print("error: the separation went on although it was cancelled")
        exit(1)
    } catch is CancellationError {
        print("Cancelled")
    }
}

try await run()
