// The models that the reference's class builds from many argument sets, recorded by
// reference/configuration_fixtures.py.

import Foundation
import HTDemucs
import Networks
import TestSupport
import WeightsLoader

/// The contents of `weights/configurations.json`.
struct ConfigurationFixture: Decodable {
    let segments: [SegmentCase]
    let configurations: [Case]

    struct SegmentCase: Decodable {
        let segment: String
        let samplerate: Int
        let samples: Int
    }

    struct Case: Decodable, CustomStringConvertible {
        let name: String
        /// Keyword arguments in JSON, as in a checkpoint's metadata.
        let kwargs: String
        /// Shapes of all tensors of the state dict, by name.
        let tensors: [String: [Int]]
        let segmentSamples: Int
        /// Number of samples of the model's input, and of frames of its spectrogram.
        let samples: Int
        let frames: Int
        let transformerChannels: Int?
        let transformerHidden: Int?
        let layers: [Layer]

        var description: String { name }
    }

    struct Layer: Decodable {
        let normed: Bool
        let dconvHidden: Int?
        let dconvDilations: [Int]?
        let frequency: Frequency
        let time: Time
    }

    struct Frequency: Decodable {
        let channelsIn, channelsOut, decoderChannelsOut, kernel, stride, pad, decoderPad: Int
        let frequenciesIn, frequenciesOut: Int
    }

    struct Time: Decodable {
        let channelsIn, channelsOut, decoderChannelsOut, kernel, stride, pad: Int
        let empty: Bool
        let lengthIn, lengthOut: Int
    }

    static func read() throws -> ConfigurationFixture {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let data = try Data(contentsOf: Fixture.url("weights/configurations.json"))
        return try decoder.decode(ConfigurationFixture.self, from: data)
    }
}

/// Reads a configuration from keyword arguments in JSON, through the metadata of a real file.
func configuration(
    kwargs: String, args: String = "[]"
) throws -> (configuration: Configuration, arguments: ModelArguments, warnings: [String]) {
    let metadata = ["klass": Architecture.htdemucs.className, "args": args, "kwargs": kwargs]
    return try Configuration.read(from: RawCheckpoint(metadata: metadata, tensors: []).open())
}
