// Files of any length: two stems and a mix-down as FLAC, with a progress line, and errors by type.
//
//     swift run -c release SeparateFile ../Models/demo.safetensors song.mp3 stems

import Demucs
import Foundation

guard CommandLine.arguments.count == 4 else {
    print("error: give a model, a track and a folder: SeparateFile MODEL TRACK FOLDER")
    exit(2)
}
let (modelPath, trackPath, folder) = (
    CommandLine.arguments[1], CommandLine.arguments[2], CommandLine.arguments[3]
)

func separateFile() async throws -> TrackReport {
    let separator = try Separator(modelAt: modelPath)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let outputs = [
        StemOutput(name: "vocals", signal: .stem("vocals"), to: .file("\(folder)/vocals.flac")),
        StemOutput(
            name: "karaoke", signal: .sum(["drums", "bass", "other"]),
            to: .file("\(folder)/karaoke.flac")),
    ]
    var output = OutputOptions(format: OutputFormat(container: .flac))
    // One gain for both, so that they still add up to the song.
    output.gain = .common

    let (steps, progress) = AsyncStream.makeStream(of: SeparationProgress.self)
    async let report = separator.separate(
        AudioInput(path: trackPath), into: outputs, output: output, progress: progress)
    for await step in steps {
        print("\(Int(step.audioSecondsDone)) of \(Int(step.audioSecondsTotal)) s")
    }
    return try await report
}

let work = Task { try await separateFile() }
// work.cancel() stops it within a fraction of a segment, and leaves no unfinished files.
do {
    let report = try await work.value
    for warning in report.warnings { print("warning: \(warning)") }
    for written in report.outputs {
        print("\(written.path ?? written.name): peak \(written.peak), gain \(written.gain)")
    }
} catch SeparationError.notEnoughSpace(let folder, let neededBytes, _) {
    print("\(folder) needs \(neededBytes) free bytes")
} catch let error as AudioError {
    print("The track can't be read, or the stems can't be written: \(error)")
} catch is CancellationError {
    print("Cancelled")
}
