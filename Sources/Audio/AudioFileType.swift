import System

/// A kind of sound file by its file name extension. The decoder looks at the content instead.
package struct AudioFileType: Sendable, Equatable {
    package let name: String

    /// File name extensions without the dot, in lower case.
    package let extensions: [String]

    /// Whether decoding needs ffmpeg.
    package let needsFFmpeg: Bool

    /// All kinds of sound files that are looked for in folders.
    package static let all =
        [
            AudioFileType("WAV, RF64", "wav", "wave", "rf64", "bwf"),
            AudioFileType("AIFF", "aif", "aiff", "aifc"),
            AudioFileType("FLAC", "flac"),
            AudioFileType("Ogg Vorbis, Opus", "ogg", "oga", "opus"),
            AudioFileType("MP3, MP2", "mp3", "mp2"),
            AudioFileType("CAF, AU, W64", "caf", "au", "snd", "w64", needsFFmpeg: true),
            AudioFileType("AAC, ALAC", "m4a", "m4b", "aac", needsFFmpeg: true),
            AudioFileType("WMA", "wma", needsFFmpeg: true),
            AudioFileType("Monkey's Audio, WavPack, TTA", "ape", "wv", "tta", needsFFmpeg: true),
            AudioFileType("AC-3, DTS", "ac3", "eac3", "dts", needsFFmpeg: true),
            AudioFileType("Matroska, WebM", "mka", "mkv", "webm", needsFFmpeg: true),
            AudioFileType("MP4, QuickTime", "mp4", "m4v", "mov", needsFFmpeg: true),
            AudioFileType("AVI, WMV, FLV", "avi", "wmv", "flv", needsFFmpeg: true),
            AudioFileType("MPEG video", "mpg", "mpeg", "mts", "m2ts", needsFFmpeg: true),
        ]

    private init(_ name: String, _ extensions: String..., needsFFmpeg: Bool = false) {
        self.name = name
        self.extensions = extensions
        self.needsFFmpeg = needsFFmpeg
    }

    /// The kind by a file's extension; nil if that is not one of a sound file.
    package init?(ofFile path: String) {
        let ending = FilePath.pathExtension(of: path).lowercased()
        guard let type = Self.all.first(where: { $0.extensions.contains(ending) }) else {
            return nil
        }
        self = type
    }
}
