// Whole RoFormers against the reference: tiny configurations that together use every option, with
// every parameter drawn, run by PyTorch in float32.

import Networks
import RoFormer
import System
import Tensor
import TestSupport
import Testing
import WeightsLoader

@Suite struct RoFormerTests {
    static let names = Fixture.names(in: "roformer").filter { !$0.hasSuffix(".outputs") }

    private func model(_ name: String, on backend: Backend) throws -> RoFormer {
        let checkpoint = try Checkpoint.open(Fixture.url("roformer/\(name).safetensors").path)
        let kind = try #require(RoFormerConfiguration.Kind(of: checkpoint))
        return try RoFormerConfiguration(kind, kind.storedSections(of: checkpoint)).network(
            checkpoint.parameters(), on: backend)
    }

    private func stems(
        _ name: String, threads: Int = 2, precision: Precision = .float32
    ) throws -> [Float] {
        let backend = try Backend(threads: threads, precision: precision)
        let golden = try Fixture("roformer/\(name).outputs")
        let mix = backend.tensor(try golden.shape("mix"), try golden.floats("mix"))
        let model = try model(name, on: backend)
        return try model.forward(mix, observer: CancellationToken()).floats
    }

    @Test(arguments: names)
    func forwardGivesTheReferencesStems(_ name: String) throws {
        let golden = try Fixture("roformer/\(name).outputs")
        let comparison = Comparison(
            actual: try stems(name), expected: try golden.floats("final"))
        // 120 dB, a relative error of 1e-6, or less if PyTorch's own float32 result has less against
        // its float64 result; see HTDemucsTests.
        let own = try #require(try golden.ownSNRDecibels("final"))
        #expect(comparison.snrDecibels >= min(120, own - 3 - 5), "\(comparison), own \(own)")
    }

    /// A pass that computes nothing takes the memory of a real one.
    @Test(arguments: names)
    func aDryPassFindsTheMemoryOfARealOne(_ name: String) throws {
        let golden = try Fixture("roformer/\(name).outputs")
        let weights = try model(name, on: Backend(threads: 2))
        func peakBytes(_ backend: Backend) throws -> Int {
            let mix = backend.keptTensor(
                Shape(try golden.shape("mix")), try golden.floats("mix"))
            let stems = try weights.running(on: backend).forward(
                mix, observer: CancellationToken())
            return withExtendedLifetime((mix, stems)) { backend.peakBytes }
        }
        let real = try peakBytes(Backend(threads: 2))
        #expect(try peakBytes(Backend(threads: 2).dry()) == real)
    }

    /// Masks twice as wide whose further channels are zero are the same masks.
    @Test func masksOfMelBandsHaveTheWidthOfTheirArgument() throws {
        let checkpoint = try Checkpoint.open(Fixture.url("roformer/mel.safetensors").path)
        let sections = try RoFormerConfiguration.Kind.melBand.storedSections(of: checkpoint)
            .setting(["mlp_expansion_factor": .integer(8)], in: "model")
        let wider = ParameterReader { name, shape in
            guard let tensor = checkpoint.tensor(named: name),
                let floats = try? checkpoint.floats(tensor)
            else { return [] }
            let (rows, columns) = (min(shape[0], tensor.shape[0]), floats.count / tensor.shape[0])
            let width = shape.reduce(1, *) / shape[0]
            var values = [Float](repeating: 0, count: shape[0] * width)
            for row in 0..<rows {
                values.replaceSubrange(
                    row * width..<row * width + columns,
                    with: floats[row * columns..<(row + 1) * columns])
            }
            return values
        }
        let backend = try Backend(threads: 2)
        let golden = try Fixture("roformer/mel.outputs")
        let model = try RoFormerConfiguration(.melBand, sections).network(wider, on: backend)
        let mix = backend.tensor(try golden.shape("mix"), try golden.floats("mix"))
        let comparison = Comparison(
            actual: try model.forward(mix, observer: CancellationToken()).floats,
            expected: try golden.floats("final"))
        #expect(comparison.snrDecibels >= 110, "\(comparison)")
        #expect(model.parameterCount > checkpoint.tensors.reduce(0) { $0 + $1.count })
    }
}
