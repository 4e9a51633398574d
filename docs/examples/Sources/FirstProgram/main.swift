// The shortest program: the stems of a song, in a folder.
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
    let separator = try await Separator.load(named: words[1]) { event in print(event) }
    let track = try await AudioInput.open(words[2])
    try await separator.separate(track, intoFolder: "stems")
} catch {
    print("error: \(error)")
    exit(1)
}
