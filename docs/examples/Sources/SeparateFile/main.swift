// Files of any length: two stems as FLAC, with a progress line, and errors by type.
//
//     swift run -c release SeparateFile ../Models/demo.safetensors song.mp3 stems

import Demucs
import Foundation
import ModelDownloads

guard CommandLine.arguments.count == 4 else {
    print("error: give a model, a track and a folder: SeparateFile MODEL TRACK FOLDER")
    exit(2)
}
let modelName = CommandLine.arguments[1]
let (trackPath, folder) = (CommandLine.arguments[2], CommandLine.arguments[3])

func separateFile() async throws -> TrackReport {
    let separator = try await Separator.load(named: modelName) { event in print(event) }

    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let outputs = [
        StemOutput(
            name: "vocals", signal: .stem("vocals"), to: .file("\(folder)/vocals.flac")),
        StemOutput(
            name: "karaoke", signal: try separator.model.allBut("vocals"),
            to: .file("\(folder)/karaoke.flac")),
    ]
    var output = OutputOptions(format: OutputFormat(container: .flac))
    // One gain for both, so that they still add up to the song.
    output.gain = .common

    let track = try await AudioInput.open(trackPath)
    for try await update in separator.updates(of: track, into: outputs, output: output) {
        switch update {
        case .progress(let step):
            print("\(Int(step.audioSecondsDone)) of \(Int(step.audioSecondsTotal)) s")
        case .finished(let report): return report
        }
    }
    throw CancellationError()
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
