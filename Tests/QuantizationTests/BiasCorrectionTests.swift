// Bias correction: biases compensate for the mean of a layer's rounding errors, b' = b + Σ E[x]·(w
// − ŵ).

import DemucsEngine
import Layers
import Quantization
import System
import Tensor
import TestSupport
import Testing
import WeightsLoader

struct BiasCorrectionTests {
    /// E[y − ŷ] of each output channel: y is the layer's output with the float weights, ŷ with the
    /// rounded ones.
    @Test func shiftsAreTheMeanErrorsOfTheOutputs() throws {
        let (rows, inputs, outputs) = (400, 24, 7)
        var random = SplitMix64(seed: 21)
        let backend = try Backend(threads: 1)
        let x = backend.tensor([rows, inputs], random.floats(rows * inputs).map { $0 + 0.7 })
        let weights = random.floats(outputs * inputs)
        let quantizer = Quantizer(shape: [outputs, inputs], outputAxis: 0)
        // Sixteen times as coarse as necessary, so that errors are far above float32's.
        let scales = try #require(quantizer.scales(of: weights)).map { $0 * 16 }
        let rounded = quantizer.dequantized(
            quantizer.quantized(weights, scales: scales), scales: scales)

        let observed = CalibratedLayer(
            tensor: "weight", shape: [outputs, inputs], outputAxis: 0, rowsPerSegment: rows)
        func output(_ weights: [Float], observer: CalibratedLayer? = nil) -> [Float] {
            let layer = Linear(
                weight: LayerWeights(.floats(weights), activations: .float32, observer: observer),
                bias: [Float](repeating: 0, count: outputs), inputs: inputs, on: backend)
            return layer(x, on: backend).floats
        }
        let (exact, coarse) = (output(weights, observer: observed), output(rounded))
        let expected = (0..<outputs).map { channel in
            (0..<rows).reduce(0.0) {
                let index = $1 * outputs + channel
                return $0 + (Double(exact[index]) - Double(coarse[index])) / Double(rows)
            }
        }
        let product = try #require(observed.products.first)
        product.endSegment(on: backend)
        var shifts = [Double](repeating: 0, count: outputs)
        product.addMeanErrors(of: zip(weights, rounded).map(-), quantizer, to: &shifts)
        // Sums of 24 products in float32, none above 2.
        #expect(zip(shifts, expected).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(expected.contains { abs($0) > 0.05 }, "nothing to make up for")
    }

    /// In the file, biases are shifted for every layer with one product whose inputs are its
    /// weights' second axis.
    @Test func storedBiasesAreShiftedByTheMeanErrors() throws {
        let source = try Checkpoint.open(Fixture.url("models/base.safetensors").path)
        let quantization = try ModelQuantization(
            source, ModelDescription(of: source), calibration: [:], threads: 2)
        var random = SplitMix64(seed: 22)
        let channels = quantization.description.configuration.trackRules.audioChannels
        let mixes = (0..<2).map { _ in random.floats(channels * 1950) }
        let folder = TemporaryFolder()
        try quantization.run(mixes: mixes, cancellation: CancellationToken())
            .write(to: folder.path("int8.safetensors"))
        let file = try Checkpoint.open(folder.path("int8.safetensors"))

        // Keeps all rows of every product.
        let observer = CalibrationObserver(rowsPerSegment: 1 << 20)
        let backend = try Backend(threads: 1)
        let model = try quantization.description.configuration.network(
            source.parameters(), on: backend, observer: observer)
        for mix in mixes {
            _ = try model.forward(
                backend.tensor([channels, 1950], mix), observer: CancellationToken())
            observer.endSegment(on: backend)
        }

        var shifted = 0
        for layer in observer.layers where layer.outputAxis == 0 {
            let inputs = layer.shape[1]
            guard layer.shape.dropFirst(2).allSatisfy({ $0 == 1 }),
                layer.products.count == 1, let product = layer.products.first,
                product.inner == inputs,
                let stored = file.tensor(named: layer.tensor), stored.elementType == .int8
            else { continue }
            func floats(_ name: String, of checkpoint: Checkpoint) throws -> [Float] {
                try checkpoint.floats(#require(checkpoint.tensor(named: name)))
            }
            let name = String(layer.tensor.dropLast("weight".count)) + "bias"
            let bias = try floats(name, of: source)
            let found = try floats(name, of: file)
            let weights = try floats(layer.tensor, of: source)
            let scales = try floats(layer.tensor + ".scale", of: file)
            let quantized = try file.read(stored) { $0.map { Int8(bitPattern: $0) } }
            let moments = product.moments
            for channel in bias.indices {
                let shift = (0..<inputs).reduce(0.0) {
                    let place = channel * inputs + $1
                    let error =
                        Double(weights[place]) - Double(quantized[place]) * Double(scales[channel])
                    return $0 + moments.sums[$1] / Double(moments.count) * error
                }
                let expected = Double(bias[channel]) + shift
                // Allows a last bit of float32 in the errors and in the bias.
                #expect(
                    abs(Double(found[channel]) - expected) < 1e-6, "\(layer.tensor), \(channel)")
                if abs(shift) > 1e-4 { shifted += 1 }
            }
        }
        #expect(shifted > 100, "\(shifted) shifts that a test could see")
    }
}
