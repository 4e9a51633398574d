// A configuration's sizes against those of the reference's modules.

import HTDemucs
import Networks
import Testing

struct ConfigurationTests {
    @Test func layersHaveTheReferencesSizes() throws {
        for reference in try ConfigurationFixture.read().configurations {
            // A segment of the input's length in the reference.
            var values = try configuration(kwargs: reference.kwargs).configuration.arguments
            values.segment = .fraction(
                numerator: reference.samples, denominator: values.samplerate)
            let configuration = try Configuration(values)
            #expect(configuration.layers.count == reference.layers.count, "\(reference)")
            for (layer, expected) in zip(configuration.layers, reference.layers) {
                let place: Comment = "\(reference), layer \(layer.index)"
                let (frequency, time) = (expected.frequency, expected.time)
                #expect(layer.isNormed == expected.normed, place)
                if let hidden = expected.dconvHidden {
                    #expect(layer.dconvHidden == hidden, place)
                }
                if let dilations = expected.dconvDilations {
                    #expect(configuration.dconvDilations == dilations, place)
                }
                #expect(layer.channelsOut == frequency.channelsOut, place)
                #expect(layer.channelsOut == time.channelsOut, place)
                #expect(layer.merges == time.empty, place)
                #expect(frequency.pad == frequency.decoderPad, place)
                #expect(
                    layer.frequency
                        == .init(
                            channelsIn: frequency.channelsIn,
                            decoderChannelsOut: frequency.decoderChannelsOut,
                            kernel: frequency.kernel, stride: frequency.stride, pad: frequency.pad,
                            lengthIn: frequency.frequenciesIn,
                            lengthOut: frequency.frequenciesOut), place)
                #expect(
                    layer.time
                        == .init(
                            channelsIn: time.channelsIn,
                            decoderChannelsOut: time.decoderChannelsOut, kernel: time.kernel,
                            stride: time.stride, pad: time.pad, lengthIn: time.lengthIn,
                            lengthOut: time.lengthOut), place)
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
                #expect(configuration.arguments.tLayers == 0)
            }
        }
    }

    @Test func everyTensorOfTheStateDictIsAskedForInItsShape() throws {
        for reference in try ConfigurationFixture.read().configurations {
            let configuration = try configuration(kwargs: reference.kwargs).configuration
            let tensors = try configuration.stateDict()
            #expect(tensors == reference.tensors, "\(reference)")
        }
    }

    @Test func defaultsAreThoseOfTheClass() throws {
        let configuration = try configuration(kwargs: #"{"sources":["a"]}"#).configuration
        #expect(configuration.arguments == Configuration.Hyperparameters(sources: ["a"]))
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
}
