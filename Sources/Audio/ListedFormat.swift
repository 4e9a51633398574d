// The formats that libsndfile decodes here. It knows some 25 containers and as many codecs, and the rare
// ones are where its errors are found, such as CVE-2026-37555: a stranger's file must not choose them.

import CSndFile

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
