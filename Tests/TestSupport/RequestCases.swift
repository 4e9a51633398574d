// Requests that all doors have to take, or to refuse, in the same way.

/// Fields of a request with a model of the stems drums, bass, other and vocals.
package struct RequestCase: Sendable, CustomStringConvertible {
    package let fields: [(name: String, value: String)]
    /// The outputs' names in their order; empty for a request that is refused.
    package let outputs: [String]
    /// A part of the refusal.
    package let refusal: String

    package var description: String {
        fields.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
    }

    private init(_ fields: String, _ outputs: [String], _ refusal: String) {
        self.fields = fields.split(separator: " ").map { field in
            let sides = field.split(separator: "=", maxSplits: 1)
            return (String(sides[0]), sides.count > 1 ? String(sides[1]) : "")
        }
        self.outputs = outputs
        self.refusal = refusal
    }

    private static let stems = ["drums", "bass", "other", "vocals"]

    private static func taken(_ fields: String, _ outputs: [String]) -> RequestCase {
        RequestCase(fields, outputs, "")
    }

    private static func refused(_ fields: String, _ refusal: String) -> RequestCase {
        RequestCase(fields, [], refusal)
    }

    package static let all = [
        taken("shifts=0", stems),
        taken("two-stems=vocals", ["vocals", "no_vocals"]),
        taken("two-stems=vocals other-method=minus", ["minus_vocals", "vocals"]),
        taken("two-stems=vocals other-method=none", ["vocals"]),
        taken(
            "two-stems=vocals other-method=minus residual", ["minus_vocals", "vocals", "residual"]),
        taken("stems=vocals,drums", ["drums", "vocals"]),
        taken("mix=karaoke=drums+bass", stems + ["karaoke"]),
        taken("mix=karaoke=drums+bass stems=karaoke", ["karaoke"]),
        taken("mix=a:b*c?=drums+bass stems=bass", ["bass", "a:b*c?"]),
        taken("mix=.hidden=drums+bass stems=bass", ["bass", ".hidden"]),
        taken(
            "mix=\(String(repeating: "n", count: 200))=drums stems=bass",
            ["bass", String(repeating: "n", count: 200)]),
        taken("mix=rest=mixture-vocals-bass stems=rest", ["rest"]),
        taken("residual stems=residual", ["residual"]),
        taken("start=0:00.1 duration=0:0:0.5", stems),
        taken("start=1e-1 duration=5.0E-01", stems),
        taken("gain=common", stems),
        taken("int24 flac", stems),
        taken("overlap=0.1", stems),
        taken("transition-power=2 clip-mode=tanh no-tags analyze", stems),
        taken("then=drums=demo", stems + stems.map { "drums_\($0)" }),
        taken("then=drums=demo stems=vocals,drums_bass", ["vocals", "drums_bass"]),
        taken("then=drums=demo mix=beat=drums_drums+drums_bass stems=beat", ["beat"]),
        refused("stems=harp", "one of drums, bass, other, vocals"),
        refused("stems=bass,bass", "each once"),
        refused("stems=bass,,drums", "each once"),
        refused("stems=bass two-stems=bass", "can't be combined with"),
        refused("segment=1 no-split", "can't be combined with"),
        refused("int24 float32", "can't be combined with"),
        refused("flac mp3", "can't be combined with"),
        refused("two-stems=harp", "one of drums, bass, other, vocals"),
        refused("other-method=sub", "one of none, add, minus"),
        refused("mix=a", "a name and stems, such as karaoke=drums+bass"),
        refused("mix=a=drums+drums", "each once"),
        refused("mix=a=mixture-", "each once"),
        refused("mix=a=mixture-harp", "one of drums, bass, other, vocals"),
        refused("mix=../a=drums", "must not contain '/' or control characters"),
        refused(
            "mix=\(String(repeating: "n", count: 201))=drums", "must have at most 200 bytes"),
        refused("mix=Drums=bass", "would be called 'Drums'"),
        refused("shifts=two", "a whole number"),
        refused("shifts=101", "a number from 0 to 100"),
        refused("seed=-1", "a whole number from 0 to 18446744073709551615"),
        refused("overlap=1", "a number from 0 to less than 1"),
        refused("overlap=nan", "a number from 0 to less than 1"),
        refused("transition-power=0.5", "a number from 1"),
        refused("then=drums", "a stem and a model, such as drums=drumsep"),
        refused("then=drums=demo two-stems=vocals", "can't be combined with"),
        refused("then=drums=demo stems=drums_harp", "drums_drums, drums_bass"),
        refused("segment=0", "a positive number of seconds"),
        refused("start=1:2:3:4", "seconds, minutes:seconds or hours:minutes:seconds"),
        refused("start=-1", "seconds, minutes:seconds or hours:minutes:seconds"),
        refused("start=+1", "seconds, minutes:seconds or hours:minutes:seconds"),
        refused("start=0:1e1", "seconds, minutes:seconds or hours:minutes:seconds"),
        refused("duration=1e999", "seconds, minutes:seconds or hours:minutes:seconds"),
        refused("duration=0", "more than 0"),
        refused("downmix=all", "one of first, average, layout"),
        refused("precision=float16", "one of float32, bfloat16, int8, auto"),
        refused("clip-mode=crush", "one of rescale, clamp, tanh, none, off"),
        refused("clip-mode=off int24", "because only WAV of"),
        refused("clip-mode=off float32 flac", "because only WAV of"),
        refused("gain=common clip-mode=clamp", "clamp' limits samples"),
        refused("mp3-bitrate=7", "a whole number from 8 to 320"),
        refused("mp3-preset=8", "a whole number from 2 to 7"),
        refused("output-rate=48000", "one of model, input"),
    ]
}
