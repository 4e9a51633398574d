import Foundation
import Porting
import System
import Tensor
import TestSupport
import Testing
import Tracks

/// Changed values and parameters of `cross_first`, against forward hooks in PyTorch.
@Suite struct EditTests {
    private let backend: Backend
    private let golden: Fixture

    init() throws {
        backend = try Backend(threads: 2)
        golden = try Fixture("ports/trace")
    }

    /// The values of a pass with edits.
    private func values(
        _ edits: [String], only: String = "output,add_67", attention: String? = nil
    ) throws -> [String: NamedTensor] {
        let model = try PortedFixture.model()
        var trace = try Trace(golden, x: "mag")
        trace.edits = try edits.map(Edit.init)
        var found: [String: NamedTensor] = [:]
        try trace.run(
            NamePattern.list(only)
                + (attention.map { try NamePattern.attention($0, of: model) } ?? []),
            of: model, on: backend, cancellation: CancellationToken()
        ) { found[$0.name] = $0 }
        return found
    }

    private static func edits() throws -> [String] {
        let names = try Fixture("ports/edits").names
        return Set(names.map { String($0.prefix { $0 != "/" }) }).sorted()
    }

    @Test(arguments: try edits())
    func anEditIsAForwardHook(_ edit: String) throws {
        let expected = try Fixture("ports/edits")
        let plain = try values([])
        let found = try values([edit])
        for name in ["output", "add_67"] {
            let value = try #require(found[name])
            let comparison = Comparison(
                actual: value.values, expected: try expected.floats("\(edit)/\(name)"))
            #expect(comparison.snrDecibels >= 100, "\(name): \(comparison)")
        }
        #expect(found.values.contains { $0.values != plain[$0.name]?.values })
    }

    @Test func editsThatChangeNothingChangeNoBit() throws {
        let plain = try values([], only: "*")
        let same = ["*=scale:1", "encoder.1=permute:0:0,1,2,3,4,5,6,7"]
        #expect(try values(same, only: "*") == plain)
    }

    @Test func anEditWithIndicesChangesNothingElse() throws {
        let plain = try #require(values([], only: "encoder.1")["encoder.1"])
        let edited = try #require(
            values(["encoder.1[2,*,1]=zero"], only: "encoder.1")["encoder.1"])
        let (frames, plane) = (plain.shape[2], plain.shape[1] * plain.shape[2])
        for (index, value) in edited.values.enumerated() {
            let isChosen = index / plane == 2 && index % frames == 1
            #expect(value == (isChosen ? 0 : plain.values[index]))
        }
        let channels = (0..<8).map { "encoder.1[\($0)]=zero" }
        #expect(try values(channels) == values(["encoder.1=zero"]))
    }

    /// Other sums of the same numbers than those of the fused attention.
    @Test func unchangedAttentionWeightsGiveTheSameOutput() throws {
        let plain = try #require(values([])["output"])
        let found = try #require(values(["*.weights.*=scale:1"])["output"])
        let comparison = Comparison(actual: found.values, expected: plain.values)
        #expect(comparison.snrDecibels >= 120, "\(comparison)")
    }

    /// Tokens that read the others in another order, and in the same one again.
    @Test func attentionWeightsCanBeChanged() throws {
        let name = "crosstransformer.layers_t.1.self_attn.weights.0"
        let tokens = try #require(
            values([], only: "", attention: "layers_t.1:0")[name]?.shape[1])
        let order = (0..<tokens).reversed().map(String.init).joined(separator: ",")
        let reversed = "\(name)=permute:1:\(order)"
        let same = try values(["\(name)=scale:1"])
        #expect(try values([reversed]) != same)
        #expect(try values([reversed, reversed]) == same)
    }

    @Test func editsOfARoFormerReachItsStems() throws {
        let golden = try Fixture("roformer/bands_deep.outputs")
        let model = try PortedFixture.roformer("bands_deep")
        func final(_ edits: [String]) throws -> [Float] {
            var trace = try Trace(golden)
            trace.edits = try edits.map(Edit.init)
            var found: [Float] = []
            try trace.run(
                [NamePattern("final")], of: model, on: backend, cancellation: CancellationToken()
            ) { found = $0.values }
            return found
        }
        let plain = try final([])
        let zero = [Float](repeating: 0, count: plain.count)
        #expect(try final(["mask_estimators.0=zero"]) == zero)
        #expect(try final(["stft_repr=zero"]) == zero)
        for name in ["x", "band_split", "layers.0.0.layers.1.0", "layers.0.1", "final_norm"] {
            #expect(try final(["\(name)=scale:1"]) == plain)
            #expect(try final(["\(name)=permute:0"]) != plain, "\(name)")
        }
    }

    @Test(arguments: [
        "encoder.0", "=zero", "x=", "x=one", "x=zero:1", "x=scale", "x=scale:nan", "x=set:1:2",
        "x=permute", "x=permute:-1", "x=permute:0:a", "x=quantise:1", "x=quantise:17",
        "x[=zero", "x[]=zero", "x[1=zero", "x[-1]=zero", "[0]=zero",
    ])
    func textThatIsNoEditIsRefused(_ text: String) {
        #expect(throws: SeparationError.self) { try Edit(text) }
    }

    @Test(arguments: [
        "encoder.9=zero", "x=permute:3", "xt=permute:0:0,0", "x[9999]=zero", "xt[0,0,0]=zero",
    ])
    func anEditThatTheModelDoesNotHaveIsAnError(_ text: String) throws {
        #expect(throws: (any Error).self) { try values([text]) }
    }
}
