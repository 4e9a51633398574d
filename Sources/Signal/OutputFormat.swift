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
        let stored = container.row.stored
        return stored.contains(sampleFormat) ? sampleFormat : stored[0]
    }

    /// The reason why the container can't hold such a signal, without a full stop; nil if it can.
    package func problem(channelCount: Int, sampleRateHz: Int) -> String? {
        let row = container.row
        if channelCount > row.mostChannels {
            return "\(row.words) holds up to \(row.mostChannels) channels, not \(channelCount)"
        }
        if let rates = row.rates, !rates.hold(sampleRateHz) {
            return "\(row.words) holds sample rates \(rates.words), not \(sampleRateHz) Hz"
        }
        return row.settingsProblem
    }

    /// The usual ending of a file's name, without the dot.
    public var fileExtension: String { container.row.name }
}

// MARK: - The containers

extension OutputFormat.Container {
    /// The properties of a container; `AudioWriter` has its encoder.
    package struct Row: Sendable {
        /// Name in requests, and the ending of files.
        package let name: String
        /// Name in sentences.
        package let words: String
        /// The media type (IANA).
        package let mediaType: String
        /// Formats in which samples are stored; the first takes the place of those that are not.
        let stored: [SampleFormat]
        var mostChannels = Int.max
        /// The sample rates in Hz, and in words; nil for all.
        var rates: (words: String, hold: @Sendable (Int) -> Bool)?
        /// Whether samples are compressed without loss: only noise takes as many bytes as they have.
        package var compressesLosslessly = false
        /// Of a constant bit rate.
        package var bytesPerSecond: Int?
        var settingsProblem: String?
    }

    package var row: Row {
        switch self {
        case .wav:
            Row(
                name: "wav", words: "WAV", mediaType: "audio/wav",
                stored: [.int16, .int24, .float32])
        case .flac:
            Row(
                name: "flac", words: "FLAC", mediaType: "audio/flac", stored: [.int16, .int24],
                mostChannels: 8,
                // RFC 9639, 9.1.2: frames have room for Hz in 16 bits, or for tens of Hz.
                rates: (
                    "up to 65535 Hz, or of tens of Hz up to 655350 Hz",
                    { $0 <= 65_535 || $0 <= 655_350 && $0 % 10 == 0 }
                ), compressesLosslessly: true)
        case .mp3(let settings):
            Row(
                name: "mp3", words: "MP3", mediaType: "audio/mpeg", stored: [.int16],
                mostChannels: 2,
                rates: (
                    "of \(MP3Settings.supportedRatesHz.map(String.init).joined(separator: ", ")) Hz",
                    { MP3Settings.supportedRatesHz.contains($0) }
                ),
                // No lower than the lowest rate of MPEG-1. The settings may be invalid.
                bytesPerSecond: min(
                    max(32, settings.bitRateKilobitsPerSecond),
                    MP3Settings.supportedBitRates.upperBound) * 125,
                settingsProblem: settings.problem)
        case .rawFloat32:
            Row(
                name: "f32", words: "Raw float32", mediaType: "application/octet-stream",
                stored: [.float32])
        }
    }

    /// Those that a request or a file's name can choose.
    package static func named(mp3: MP3Settings = MP3Settings()) -> [Self] {
        [.wav, .flac, .mp3(mp3)]
    }

    /// The endings of their files in a sentence: ".wav, .flac or .mp3".
    package static var endings: String {
        let all = named().map { ".\($0.row.name)" }
        return all.dropLast().joined(separator: ", ") + " or " + all[all.count - 1]
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
    package static let supportedBitRates = 8...320
    package static let supportedPresets = 2...7

    /// The defaults are the reference's.
    public init(bitRateKilobitsPerSecond: Int = 320, preset: Int = 2) {
        self.bitRateKilobitsPerSecond = bitRateKilobitsPerSecond
        self.preset = preset
    }

    /// The reason why the settings are invalid, without a full stop; nil if they are valid.
    fileprivate var problem: String? {
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
