// The formats that ffmpeg may read. Every input of every run of ffmpeg is opened with these options.

extension FFmpeg {
    /// A part of a file.
    struct Input {
        let file: InputFile
        let bytes: Range<Int>

        /// ffmpeg's name for it, if the file is its standard input.
        var address: String {
            let whole = "file:/dev/stdin"
            return bytes == 0..<file.sizeBytes
                ? whole : "subfile,,start,\(bytes.lowerBound),end,\(bytes.upperBound),,:\(whole)"
        }
    }

    /// The demuxers that read the bytes of their own file and nothing else.
    ///
    /// ffmpeg chooses the demuxer by a file's content, whatever its name is. Several demuxers follow
    /// references in that content to other files: a playlist (DASH, HLS, concat, IMF, VobSub) with
    /// the name of a song would give its author any sound file of this machine, and SDP, RTSP and
    /// devices do not read files at all. So a demuxer is used only if it is listed here, and a test
    /// sorts all demuxers of the installed ffmpeg.
    ///
    /// `mov` can follow references too, but not without `-enable_drefs` or `-use_absolute_path`,
    /// which stay off. `avi` opens its embedded subtitles with another demuxer, to which this list
    /// applies as well.
    package static let demuxers = [
        "aac", "ac3", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "dsf", "dts", "dtshd",
        "eac3", "flac", "flv", "iff", "loas", "matroska", "mlp", "mov", "mp3", "mpc", "mpc8",
        "mpeg", "mpegts", "oma", "ogg", "shn", "tak", "truehd", "tta", "voc", "w64", "wav", "wv",
    ]

    /// The options of an input.
    ///
    /// It is named by a descriptor, so no name is mistaken for an option or an address, and a file
    /// without a name will do. An option counts for the next input alone.
    ///
    /// - Parameters:
    ///   - address: `file:/dev/stdin`, `file:/dev/fd/…` or a part of one.
    ///   - demuxer: the only demuxer that may read it; nil for any of ``demuxers``.
    package static func input(_ address: String, demuxer: String? = nil) -> [String] {
        [
            "-protocol_whitelist", "file,subfile", "-format_whitelist",
            demuxer ?? demuxers.joined(separator: ","),
        ] + (demuxer.map { ["-f", $0] } ?? []) + ["-i", address]
    }

    /// ffmpeg's message about a format that is not listed, and the words for it.
    static let refusal = (
        message: "Format not on whitelist", reason: "not one of the formats that it may read"
    )
}
