// Requests: the table of fields, and the outputs.

import Demucs
import Foundation
import TestSupport
import Testing

@Suite struct SeparationRequestTests {
    private static let sources = ["drums", "bass", "other", "vocals"]

    private func request(_ fields: [(name: String, value: String)]) throws -> SeparationRequest {
        var request = SeparationRequest()
        for (name, value) in fields {
            try #require(SeparationRequest.field(name)).set(value, in: &request)
        }
        try request.validate(given: fields.map(\.name))
        return request
    }

    /// The stems of a model of those sources; all models that follow have the same.
    private func stems(of request: SeparationRequest) -> ModelStems {
        ModelStems(
            Self.sources,
            parts: (request.then ?? []).flatMap { step in
                Self.sources.map { ModelStems.Part(name: "\(step.stem)_\($0)", stem: step.stem) }
            })
    }

    @Test(arguments: RequestCase.all)
    func outputsAndRefusalsAreThoseOfAllDoors(wanted: RequestCase) throws {
        if wanted.outputs.isEmpty {
            #expect(throws: RequestError.self) {
                let request = try request(wanted.fields)
                _ = try request.outputs(of: stems(of: request))
            }
        } else {
            let request = try request(wanted.fields)
            let outputs = try request.outputs(of: stems(of: request))
            #expect(outputs.map(\.name) == wanted.outputs)
        }
    }

    @Test func aMixOfStemsThatAreWrittenTooIsNoPart() throws {
        let outputs = try request([("mix", "karaoke=drums+bass"), ("residual", "")])
            .outputs(of: ModelStems(Self.sources))
        #expect(outputs.filter { !$0.isPart }.map(\.name) == ["karaoke"])
        let pair = try request([("two-stems", "vocals")])
            .outputs(of: ModelStems(Self.sources))
        #expect(pair.filter { !$0.isPart }.isEmpty)
        let further = try request([("then", "drums=demo"), ("stems", "drums,drums_bass")])
        #expect(
            try further.outputs(of: stems(of: further)).filter(\.isPart).map(\.name) == ["drums"])
    }

    @Test func aFieldSetToItsDefaultChangesNothing() throws {
        for field in SeparationRequest.fields {
            var request = SeparationRequest()
            let isWord =
                if case .choice(let words) = field.form {
                    words.contains(field.defaultText)
                } else {
                    Double(field.defaultText) != nil
                }
            if !isWord { continue }
            try field.set(field.defaultText, in: &request)
            // The gain has no default of its own: that of the door is the same in the command.
            if field.name == "gain" { request.gain = nil }
            #expect(request == SeparationRequest(), "\(field.name)")
        }
    }

    @Test func numbersOfJSONAreTakenAsTheyAreWritten() throws {
        func request(_ json: String) throws -> SeparationRequest {
            try SeparationRequest(json: json, of: Set(FieldScope.allCases))
        }
        for seed in [0, 1 << 63, UInt64.max] {
            #expect(try request("{\"seed\": \(seed)}").seed == seed)
            #expect(try request("{\"seed\": \"\(seed)\"}").seed == seed)
        }
        #expect(try request(#"{"start": 1e-05, "duration": 5E-1, "overlap": 1e-1}"#).start == 1e-5)
        for (field, text) in [
            ("seed", "18446744073709551616"), ("seed", "1e3"), ("shifts", "1e999"),
            ("shifts", "9223372036854775808"), ("mp3-bitrate", "128.0"), ("start", "-0.10"),
        ] {
            let error = #expect(throws: RequestError.self) {
                try request("{\"\(field)\": \(text)}")
            }
            #expect(error?.description.contains("'\(text)' is invalid for '\(field)'") == true)
        }
    }

    @Test func flagsTakeWordsForTrueAndFalse() throws {
        for (word, isOn) in [("", true), ("yes", true), ("0", false), ("off", false)] {
            #expect(try request([("residual", word)]).hasResidual == isOn)
        }
        #expect(throws: RequestError.self) { try request([("residual", "maybe")]) }
    }

    @Test func oneFieldChoosesTheContainer() throws {
        #expect(throws: RequestError.combined("format", "mp3")) {
            try request([("format", "flac"), ("mp3", "")])
        }
    }

    @Test func aStoredRequestIsReadAgain() throws {
        let request = try request([
            ("mix", "a=drums+bass"), ("seed", "18446744073709551615"), ("start", "1:23.5"),
            ("clip-mode", "clamp"), ("precision", "auto"), ("mp3", ""),
        ])
        let data = try JSONEncoder().encode(request)
        #expect(try JSONDecoder().decode(SeparationRequest.self, from: data) == request)
        #expect(request.start == 83.5)
    }

    @Test func commonGainIsADefaultOfTheDoorAndNeedsRescale() throws {
        #expect(try request([]).output(gain: .common).gain == .common)
        #expect(try request([("clip-mode", "none")]).output(gain: .common).gain == .perStem)
        #expect(try request([("gain", "stem")]).output(gain: .common).gain == .perStem)
    }
}
