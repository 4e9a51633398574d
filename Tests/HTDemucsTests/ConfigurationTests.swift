// A configuration's sizes against those of the reference's modules.

import HTDemucs
import Testing

struct ConfigurationTests {
    @Test func layersHaveTheReferencesSizes() throws {
        for reference in try ConfigurationFixture.read().configurations {
            let configuration = try configuration(kwargs: reference.kwargs).configuration
            #expect(configuration.layers.count == reference.layers.count, "\(reference)")
            var length = reference.samples
            for (layer, expected) in zip(configuration.layers, reference.layers) {
                let place: Comment = "\(reference), layer \(layer.index)"
                #expect(layer.isNormed == expected.normed, place)
                if let hidden = expected.dconvHidden {
                    #expect(layer.dconvHidden == hidden, place)
                }
                if let dilations = expected.dconvDilations {
                    #expect(configuration.dconvDilations == dilations, place)
                }
                Self.expectSame(layer, expected.frequency, place)
                Self.expectSame(layer, expected.time, place)
                #expect(length == expected.time.lengthIn, place)
                length = layer.time.lengthOut(length)
                #expect(length == expected.time.lengthOut, place)
            }
        }
    }

    @Test func segmentsFramesAndTransformerHaveTheReferencesSizes() throws {
        for reference in try ConfigurationFixture.read().configurations {
            let configuration = try configuration(kwargs: reference.kwargs).configuration
            #expect(configuration.segmentSamples == reference.segmentSamples, "\(reference)")
            #expect(
                configuration.frames(samples: reference.samples) == reference.frames,
                "\(reference)")
            if let channels = reference.transformerChannels {
                #expect(configuration.transformerChannels == channels, "\(reference)")
                #expect(configuration.transformerHidden == reference.transformerHidden)
            } else {
                #expect(configuration.tLayers == 0)
            }
        }
    }

    @Test func everyTensorOfTheStateDictHasThePredictedShape() throws {
        for reference in try ConfigurationFixture.read().configurations {
            let configuration = try configuration(kwargs: reference.kwargs).configuration
            let predicted = StateDictShapes(configuration).shapes
            #expect(predicted == reference.tensors, "\(reference)")
            let parameters = predicted.values.reduce(0) { $0 + $1.reduce(1, *) }
            #expect(parameters == reference.parameters, "\(reference)")
        }
    }

    /// The published model: the numbers stand in its documentation.
    @Test func htdemucsHasItsKnownSize() throws {
        let reference = try #require(
            try ConfigurationFixture.read().configurations.first { $0.name == "htdemucs" })
        let configuration = try configuration(kwargs: reference.kwargs).configuration
        #expect(configuration.segmentSamples == 343_980)
        #expect(configuration.segmentFrames == 336)
        #expect(configuration.hopSamples == 1024)
        #expect(configuration.frequencies == 2048)
        #expect(configuration.innerChannels == 384)
        #expect(configuration.transformerChannels == 512)
        #expect(configuration.transformerHidden == 2048)
        let shapes = StateDictShapes(configuration).shapes
        #expect(shapes.count == 533)
        #expect(shapes.values.reduce(0) { $0 + $1.reduce(1, *) } == 41_984_456)
    }

    @Test func defaultsAreThoseOfTheClass() throws {
        let configuration = try configuration(kwargs: #"{"sources":["a"]}"#).configuration
        #expect(configuration.hyperparameters == Configuration.Hyperparameters(sources: ["a"]))
        #expect(configuration.segmentSamples == 441_000)
        #expect(configuration.hasEncoderDConv && !configuration.hasDecoderDConv)
    }

    @Test func segmentsAreMultipliedAsPythonDoes() throws {
        for segment in try ConfigurationFixture.read().segments {
            let kwargs =
                "{\"sources\":[\"a\"],\"segment\":\(segment.segment),"
                + "\"samplerate\":\(segment.samplerate)}"
            #expect(
                try configuration(kwargs: kwargs).configuration.segmentSamples == segment.samples,
                "\(segment)")
        }
    }

    @Test func impossibleSegmentsHaveNoSamples() {
        let impossible: [Configuration.Segment] = [
            .fraction(numerator: 0, denominator: 1), .fraction(numerator: -1, denominator: 1),
            .fraction(numerator: 1, denominator: 0), .fraction(numerator: 1, denominator: 44_101),
            .fraction(numerator: .max, denominator: 1), .fraction(numerator: .min, denominator: -1),
            .float(0), .float(-1), .float(1e-9), .float(.infinity), .float(.nan), .float(1e300),
        ]
        for segment in impossible {
            #expect(segment.samples(atHz: 44_100) == nil, "\(segment)")
        }
        #expect(
            Configuration.Segment.fraction(numerator: .min, denominator: .min).samples(atHz: 8)
                == 8)
    }

    private static func expectSame(
        _ layer: Configuration.LayerShape, _ expected: ConfigurationFixture.Frequency,
        _ place: Comment
    ) {
        let frequency = layer.frequency
        #expect(frequency.channelsIn == expected.channelsIn, place)
        #expect(layer.channelsOut == expected.channelsOut, place)
        #expect(frequency.decoderChannelsOut == expected.decoderChannelsOut, place)
        #expect(frequency.kernel == expected.kernel, place)
        #expect(frequency.stride == expected.stride, place)
        #expect(frequency.pad == expected.pad, place)
        #expect(frequency.pad == expected.decoderPad, place)
        #expect(frequency.frequenciesIn == expected.frequenciesIn, place)
        #expect(frequency.frequenciesOut == expected.frequenciesOut, place)
    }

    private static func expectSame(
        _ layer: Configuration.LayerShape, _ expected: ConfigurationFixture.Time, _ place: Comment
    ) {
        let time = layer.time
        #expect(time.channelsIn == expected.channelsIn, place)
        #expect(layer.channelsOut == expected.channelsOut, place)
        #expect(time.decoderChannelsOut == expected.decoderChannelsOut, place)
        #expect(time.kernel == expected.kernel, place)
        #expect(time.stride == expected.stride, place)
        #expect(time.pad == expected.pad, place)
        #expect(time.empty == expected.empty, place)
    }
}
