// Samples that arrive through a pipe, decoded by libsndfile as they arrive.

import CSndFile
import Signal
import System
import Tracks

/// A WAV, AU or Ogg stream, or raw samples, from a descriptor that can't be sought.
package final class SoundStream {
    package let channelCount: Int
    package let sampleRateHz: Int
    private let handle: OpaquePointer

    /// Reads the header.
    ///
    /// - Parameters:
    ///   - descriptor: stays open.
    ///   - name: of the stream, for errors.
    ///   - rawRateHz: rate of stereo samples without a header, interleaved little-endian float32.
    /// - Throws: `AudioError.notAudio`, `AudioError.implausibleHeader`.
    package init(from descriptor: Int32, name: String, rawRateHz: Int? = nil) throws(AudioError) {
        var info = SF_INFO()
        if let rawRateHz {
            info.format = Int32(SF_FORMAT_RAW | SF_FORMAT_FLOAT | SF_ENDIAN_LITTLE)
            info.channels = 2
            info.samplerate = Int32(rawRateHz)
        }
        guard let handle = sf_open_fd(descriptor, Int32(SFM_READ), &info, 0) else {
            throw .notAudio(
                path: name,
                reason: libraryReason(nil)
                    + "; a stream must be WAV, AU or Ogg, as 'ffmpeg -i song.mp3 -f wav -' makes")
        }
        self.handle = handle
        channelCount = Int(info.channels)
        sampleRateHz = Int(info.samplerate)
        try AudioError.check(name, channelCount: channelCount, sampleRateHz: sampleRateHz)
        guard rawRateHz != nil || Self.isListed(info.format) else {
            throw .notAudio(path: name, reason: "its format is not one that is read")
        }
    }

    deinit { sf_close(handle) }

    /// Whether a format is one of those that are read. libsndfile knows some 25 containers and as many codecs, and the
    /// rare ones are where its errors are found, such as CVE-2026-37555: a stranger's sound must not choose them.
    private static func isListed(_ format: Int32) -> Bool {
        let plain = [
            SF_FORMAT_PCM_S8, SF_FORMAT_PCM_U8, SF_FORMAT_PCM_16, SF_FORMAT_PCM_24,
            SF_FORMAT_PCM_32, SF_FORMAT_FLOAT, SF_FORMAT_DOUBLE,
        ]
        let codec = Int(format) & SF_FORMAT_SUBMASK
        return switch Int(format) & SF_FORMAT_TYPEMASK {
        case SF_FORMAT_WAV, SF_FORMAT_WAVEX, SF_FORMAT_RF64, SF_FORMAT_AIFF: plain.contains(codec)
        case SF_FORMAT_OGG: codec == SF_FORMAT_VORBIS || codec == SF_FORMAT_OPUS
        case SF_FORMAT_FLAC, SF_FORMAT_MPEG: true
        default: false
        }
    }

    /// The next samples, which may not be finite: waits until `count` of them have arrived, or the
    /// last ones; `nil` at the end.
    package func next(_ count: Int) -> PlanarAudio? {
        var block = [Float](repeating: 0, count: count * channelCount)
        let arrived = Int(sf_readf_float(handle, &block, sf_count_t(count)))
        guard arrived > 0 else { return nil }
        return block.withUnsafeBufferPointer {
            PlanarAudio(
                interleaved: UnsafeBufferPointer(rebasing: $0[..<(arrived * channelCount)]),
                channelCount: channelCount, sampleRateHz: sampleRateHz)
        }
    }
}
