import HTDemucs
import Networks
import Testing
import WeightsLoader

/// The arguments of demucs' classes in the YAML files of ZFTurbo's training code.
@Suite struct ConfigurationSectionsTests {
    private let sections: [String: ArgumentValue] = [
        "model": .string("hdemucs"),
        "hdemucs": .object(["channels": .integer(48), "depth": .integer(6)]),
        "training": .object([
            "instruments": .array([.string("kick"), .string("toms")]), "channels": .integer(2),
            "samplerate": .integer(44_100), "segment": .integer(40), "lr": .number(9e-5),
        ]),
    ]

    @Test func sectionsGiveTheArgumentsOfTheClass() throws {
        let arguments = try ModelArguments(ofSections: sections)
        #expect(
            arguments
                == ModelArguments(
                    className: "demucs.hdemucs.HDemucs", positional: [],
                    keyword: [
                        "channels": .integer(48), "depth": .integer(6),
                        "sources": .array([.string("kick"), .string("toms")]),
                        "audio_channels": .integer(2), "samplerate": .integer(44_100),
                        "segment": .integer(40),
                    ]))
        let configuration = try Configuration.read(arguments).configuration
        #expect(configuration.segmentSamples == 1_764_000)
    }

    @Test(arguments: ["instruments", "channels", "samplerate", "segment"])
    func aMissingKeyIsNamed(_ key: String) {
        var sections = self.sections
        guard case .object(var training) = sections["training"] else { return }
        training[key] = .null
        sections["training"] = .object(training)
        #expect(throws: ConfigurationError.missing(key: "training.\(key)")) {
            try ModelArguments(ofSections: sections)
        }
    }

    @Test func otherModelsAndMissingSectionsAreRefused() {
        for model in [ArgumentValue.string("scnet"), .object([:]), .null] {
            var sections = self.sections
            sections["model"] = model
            #expect(throws: ConfigurationError.self) { try ModelArguments(ofSections: sections) }
        }
        for missing in ["hdemucs", "training"] {
            var sections = self.sections
            sections[missing] = nil
            #expect(throws: ConfigurationError.missing(key: missing)) {
                try ModelArguments(ofSections: sections)
            }
        }
    }
}
