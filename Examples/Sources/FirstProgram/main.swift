// The shortest program: the vocals of a song, and the song without them.
//
//     swift run -c release FirstProgram htdemucs song.mp3

import Demucs
import Foundation
import ModelDownloads

let words = CommandLine.arguments
guard words.count == 3 else {
    print("error: give a model and a track: FirstProgram MODEL TRACK")
    exit(2)
}

do {
    let files = try await ModelStore().model(named: words[1]) { event in print(event) }
    let separator = try await Separator.load(files)
    let track = try await AudioInput.open(words[2])
    try await separator.separate(
        track,
        into: [
            StemOutput(name: "vocals", signal: .stem("vocals"), to: .file("vocals.wav")),
            StemOutput(
                name: "karaoke", signal: .sum(["drums", "bass", "other"]),
                to: .file("karaoke.wav")),
        ])
} catch {
    print("error: \(error)")
    exit(1)
}
