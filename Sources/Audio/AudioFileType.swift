import System

/// Sound files by their file name extensions. The decoder looks at the content instead.
package enum AudioFileType {
    /// Extensions, in lower case and without the dot, of the sounds of a folder of stems or of a port's
    /// values. No such file needs ffmpeg.
    package static let decoded: Set = [
        "wav", "wave", "rf64", "bwf", "aif", "aiff", "aifc", "flac", "ogg", "oga", "opus", "mp3",
        "mp2",
    ]
    /// Those of further songs; most of them need ffmpeg.
    package static let others: Set = [
        "caf", "au", "snd", "w64", "m4a", "m4b", "aac", "wma", "ape", "wv", "tta", "ac3", "eac3",
        "dts", "mka", "mkv", "webm", "mp4", "m4v", "mov", "avi", "wmv", "flv", "mpg", "mpeg", "mts",
        "m2ts",
    ]

    /// Whether a file's extension is that of a sound file.
    package static func isSound(_ path: String) -> Bool {
        let ending = FilePath.pathExtension(of: path).lowercased()
        return decoded.contains(ending) || others.contains(ending)
    }
}
