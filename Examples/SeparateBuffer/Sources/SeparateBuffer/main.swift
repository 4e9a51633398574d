// The library from outside: load a model, separate audio in memory while watching the progress,
// and stop halfway.
//
//     swift run -c release SeparateBuffer ../../Models/demo.safetensors

import Foundation
import Separation

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

func fail(_ text: String) -> Never {
    FileHandle.standardError.write(Data("error: \(text)\n".utf8))
    exit(1)
}

func run() async throws {
    guard CommandLine.arguments.count == 2 else {
        fail("give the path of a model: SeparateBuffer MODEL.safetensors")
    }
    let separator = try Separator(modelAt: CommandLine.arguments[1])
    let model = separator.model
    print("Model \(model.name): \(model.sources.joined(separator: ", "))")

    let track = generatedTrack(sampleRateHz: model.sampleRateHz)
    let options = SeparationOptions(shifts: 1, seed: 42)
    let separation = try await separator.separate(track, options: options) { progress in
        print("  \(progress.segmentsDone) of \(progress.segmentsTotal) segments")
    }
    for stem in separation.stems {
        let peak = stem.audio.channels.joined().reduce(0) { max($0, abs($1)) }
        print("\(stem.name): \(stem.audio.sampleCount) samples, peak \(peak)")
    }

    // A progress callback may stop the work; so may any other thread that has the token.
    let cancellation = CancellationToken()
    let manyShifts = SeparationOptions(shifts: 10, seed: 42)
    do {
        _ = try separator.separate(track, options: manyShifts, cancellation: cancellation) {
            if $0.segmentsDone == 1 { cancellation.cancel() }
        }
        fail("the separation went on although it was cancelled")
    } catch is CancellationError {
        print("Cancelled after the first segment")
    }
}

do {
    try await run()
} catch {
    fail("\(error)")
}
