// Also Embedded Swift: typed throws, no key paths, no casts.
/// A container with its sample format.
public struct OutputFormat: Sendable, Equatable {
    /// The container of the samples.
    public enum Container: Sendable, Equatable {
        /// RIFF WAVE; above 4 GiB, its successor RF64.
        case wav
        /// FLAC of 16 bits, or of 24 bits if the sample format is `int24`.
        case flac
        /// MPEG-1/2 layer III of a constant bit rate.
        case mp3(MP3Settings)
        /// Interleaved little-endian float32 without a header, limited as in a WAV file.
        case rawFloat32
    }

    /// The kind of file.
    public var container: Container

    /// Sample format of WAV and FLAC; the other containers have a fixed one.
    public var sampleFormat: SampleFormat

    /// WAV with integers of 16 bits by default.
    public init(container: Container = .wav, sampleFormat: SampleFormat = .int16) {
        self.container = container
        self.sampleFormat = sampleFormat
    }

    /// WAV of a sample format.
    public static func wav(_ sampleFormat: SampleFormat) -> OutputFormat {
        OutputFormat(container: .wav, sampleFormat: sampleFormat)
    }

    /// The stored format: FLAC has no floats and takes 16 bits instead, as the reference does.
    package var storedFormat: SampleFormat {
        switch container {
        case .wav: sampleFormat
        case .flac: sampleFormat == .int24 ? .int24 : .int16
        case .mp3: .int16
        case .rawFloat32: .float32
        }
    }

    /// The reason why the container can't hold such a signal, without a full stop; nil if it can.
    package func problem(channelCount: Int, sampleRateHz: Int) -> String? {
        switch container {
        case .wav, .rawFloat32:
            return nil
        case .flac:
            let (mostChannels, highestHz) = (8, 655_350)
            if channelCount > mostChannels {
                return "FLAC holds up to \(mostChannels) channels, not \(channelCount)"
            }
            return sampleRateHz > highestHz
                ? "FLAC holds up to \(highestHz) Hz, not \(sampleRateHz) Hz" : nil
        case .mp3(let settings):
            return settings.problem(channelCount: channelCount, sampleRateHz: sampleRateHz)
        }
    }

    /// The usual ending of a file's name, without the dot.
    public var fileExtension: String {
        switch container {
        case .wav: "wav"
        case .flac: "flac"
        case .mp3: "mp3"
        case .rawFloat32: "f32"
        }
    }
}

/// Settings of the MP3 encoder LAME.
public struct MP3Settings: Sendable, Equatable {
    /// Bit rate; LAME rounds it to the nearest one that the sample rate allows.
    public var bitRateKilobitsPerSecond: Int

    /// LAME's quality: 2 is the best that the reference offers, 7 the fastest.
    public var preset: Int

    /// The rates of MPEG-1, 2 and 2.5. LAME would resample any other rate.
    package static let supportedRatesHz = [
        8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
    ]
    package static let supportedChannels = 1...2
    package static let supportedBitRates = 8...320
    package static let supportedPresets = 2...7

    /// The defaults are the reference's.
    public init(bitRateKilobitsPerSecond: Int = 320, preset: Int = 2) {
        self.bitRateKilobitsPerSecond = bitRateKilobitsPerSecond
        self.preset = preset
    }

    fileprivate func problem(channelCount: Int, sampleRateHz: Int) -> String? {
        if !Self.supportedChannels.contains(channelCount) {
            return "MP3 holds one or two channels, not \(channelCount)"
        }
        if !Self.supportedRatesHz.contains(sampleRateHz) {
            let rates = Self.supportedRatesHz.map(String.init).joined(separator: ", ")
            return "MP3 holds sample rates of \(rates) Hz, not \(sampleRateHz) Hz"
        }
        if !Self.supportedBitRates.contains(bitRateKilobitsPerSecond) {
            return "MP3 has bit rates from \(Self.supportedBitRates.lowerBound) to "
                + "\(Self.supportedBitRates.upperBound) kbit/s, not \(bitRateKilobitsPerSecond)"
        }
        if !Self.supportedPresets.contains(preset) {
            return "the preset for MP3 goes from \(Self.supportedPresets.lowerBound) to "
                + "\(Self.supportedPresets.upperBound), not to \(preset)"
        }
        return nil
    }
}
