// The formats that libsndfile decodes here. It knows some 25 containers and as many codecs, and the rare
// ones are where its errors are found, such as CVE-2026-37555: a stranger's file must not choose them.

import CSndFile

extension InputFile {
    /// Whether the file begins as FLAC, Ogg or MPEG audio.
    ///
    /// Read before libsndfile sees the file, whose parsers choose the format by the same bytes.
    var hasListedFormat: Bool {
        var window = FileWindow(self)
        let start = window.endOfTags(from: 0)
        let head = bytes(at: start, count: 4)
        guard head.count == 4 else { return false }
        if head == Array("fLaC".utf8) || start == 0 && head == Array("OggS".utf8) { return true }
        // The sync word of a frame of MPEG audio, and a layer.
        let frame = bytes(at: window.endOfZeros(from: start), count: 2)
        return frame.count == 2 && frame[0] == 0xFF && frame[1] & 0xE0 == 0xE0 && frame[1] & 6 != 0
    }
}

/// Whether a format, as libsndfile understood the file, is one of them.
func isListedFormat(_ format: Int32) -> Bool {
    let plain = [
        SF_FORMAT_PCM_S8, SF_FORMAT_PCM_U8, SF_FORMAT_PCM_16, SF_FORMAT_PCM_24, SF_FORMAT_PCM_32,
        SF_FORMAT_FLOAT, SF_FORMAT_DOUBLE,
    ]
    let codec = Int(format) & SF_FORMAT_SUBMASK
    return switch Int(format) & SF_FORMAT_TYPEMASK {
    case SF_FORMAT_WAV, SF_FORMAT_WAVEX, SF_FORMAT_RF64, SF_FORMAT_AIFF: plain.contains(codec)
    case SF_FORMAT_OGG: codec == SF_FORMAT_VORBIS || codec == SF_FORMAT_OPUS
    case SF_FORMAT_FLAC, SF_FORMAT_MPEG: true
    default: false
    }
}
