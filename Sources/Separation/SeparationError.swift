import Foundation

/// Why a track could not be separated as asked.
public enum SeparationError: Error, Equatable, Sendable {
    /// An option has a value that it can't take, alone or with this model.
    case invalidOption(name: String, value: String, allowed: String)
    /// Without splitting, a track has to fit into the model's segment.
    case trackTooLong(samples: Int, maximumSamples: Int, samplerateHz: Int)
    /// The audio has no channels or no samples.
    case emptyAudio(channels: Int, samples: Int)
    /// The channels are not equally long.
    case unequalChannels(channel: Int, samples: Int, expectedSamples: Int)
    /// A sample is not a number, or infinite.
    case nonFiniteSample(channel: Int, sample: Int, value: String)
}

extension SeparationError: CustomStringConvertible, LocalizedError {
    public var description: String {
        switch self {
        case .invalidOption(let name, let value, let allowed):
            "The value \(value) is invalid for \(name): \(allowed)"
        case .trackTooLong(let samples, let maximumSamples, let samplerateHz):
            "Without splitting, a track may have at most \(maximumSamples) samples at "
                + "\(samplerateHz) Hz (shifts take half a second of them); this one has \(samples). "
                + "Let it be split."
        case .emptyAudio(let channels, let samples):
            "The audio has \(channels) channels of \(samples) samples; at least one of each is "
                + "needed."
        case .unequalChannels(let channel, let samples, let expectedSamples):
            "Channel \(channel) has \(samples) samples where channel 0 has \(expectedSamples); all "
                + "channels must be equally long."
        case .nonFiniteSample(let channel, let sample, let value):
            "Sample \(sample) of channel \(channel) is \(value); every sample must be a finite "
                + "number."
        }
    }

    public var errorDescription: String? { description }
}
