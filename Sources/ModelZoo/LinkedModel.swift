// Models of other authors that are found by name: where their files are, and what is known of them.
// Addresses, sizes and checksums are those of bs-roformer-infer 0.1.5 (data/checksums.json,
// data/overrides.json) and of Music-Source-Separation-Training at ccc011a (docs/pretrained_models.md);
// a comment names any other source.

import System

package struct LinkedModel: Sendable {
    /// A file at its author's or a mirror's address.
    package struct File: Sendable {
        package let url: String
        /// 64 hexadecimal digits; nil if none are published.
        package let sha256: String?
        package let countBytes: Int?

        init(_ url: String, sha256: String? = nil, countBytes: Int? = nil) {
            self.url = url
            self.sha256 = sha256
            self.countBytes = countBytes
        }
    }

    package let name: String
    package let summary: String
    package let checkpoint: File
    /// The YAML file; nil for a checkpoint that has its configuration.
    package let configuration: File?
    /// The licence of the weights, as far as it is known.
    package let licence: String

    /// The checkpoint's name in this package's cache.
    package var checkpointFile: String {
        checkpoint.url.hasSuffix(".th") ? "\(name).th" : "\(name).ckpt"
    }

    package var configurationFile: String { "\(name).yaml" }

    /// The members of a model in a list for programs.
    package var json: JSONObject {
        [
            "name": name, "summary": summary, "licence": licence, "url": checkpoint.url,
            "sha256": checkpoint.sha256, "countBytes": checkpoint.countBytes,
        ]
    }

    package static func named(_ name: String) -> LinkedModel? { all.first { $0.name == name } }

    private static let unstated = "not stated"
    private static let unread = "not known: its card was not read"
    private static let mirror =
        "https://huggingface.co/Politrees/UVR_resources/resolve/main/models/Roformer/BandSplit/"
    private static let training =
        "https://github.com/ZFTurbo/Music-Source-Separation-Training/releases/download/"
    private static let configurations =
        "https://raw.githubusercontent.com/ZFTurbo/Music-Source-Separation-Training/"
        + "ccc011abf7f89dd7922bb2888d48493b575c0289/configs/"

    package static let all = [
        LinkedModel(
            name: "mel_band_roformer_kim",
            summary: "vocals, by Kimberley Jensen: Mel-Band RoFormer",
            // Size, checksum and licence as several projects recorded them from the model's card.
            checkpoint: File(
                "https://huggingface.co/KimberleyJSN/melbandroformer/resolve/main/"
                    + "MelBandRoformer.ckpt",
                sha256: "87201f4d31afb5bc79993230fc49446918425574db48c01c405e44f365c7559e",
                countBytes: 913_106_900),
            configuration: File(
                configurations + "KimberleyJensen/config_vocals_mel_band_roformer_kj.yaml"),
            licence: "MIT by its card on the hub"),
        LinkedModel(
            name: "bs_roformer_ep_317", summary: "vocals, by viperx: BS-RoFormer",
            // The checksum is recorded in one public script alone.
            checkpoint: File(
                "https://github.com/TRvlvr/model_repo/releases/download/all_public_uvr_models/"
                    + "model_bs_roformer_ep_317_sdr_12.9755.ckpt",
                sha256: "5b84f37e8d444c8cb30c79d77f613a41c05868ff9c9ac6c7049c00aefae115aa"),
            configuration: File(
                configurations + "viperx/model_bs_roformer_ep_317_sdr_12.9755.yaml"),
            licence: unstated),
        LinkedModel(
            name: "bs_roformer_ep_368", summary: "vocals, by viperx: BS-RoFormer",
            // No registry has its checksum.
            checkpoint: File(
                "https://github.com/TRvlvr/model_repo/releases/download/all_public_uvr_models/"
                    + "model_bs_roformer_ep_368_sdr_12.9628.ckpt"),
            configuration: File(
                "https://raw.githubusercontent.com/TRvlvr/application_data/"
                    + "30b0b148049e95418b8f91459a9970aab732638b/mdx_model_data/mdx_c_configs/"
                    + "model_bs_roformer_ep_368_sdr_12.9628.yaml"),
            licence: unstated),
        LinkedModel(
            name: "bs_roformer_sw",
            summary: "bass, drums, other, vocals, guitar and piano: BS-RoFormer",
            checkpoint: File(
                "https://huggingface.co/enerjazzer/BS-ROFO-SW-Fixed/resolve/main/"
                    + "BS-Rofo-SW-Fixed.ckpt",
                sha256: "24e7d35ee9c64415673d3fd33e06a67cac2c103c5df6267ba1576459c775916e",
                countBytes: 699_412_152),
            configuration: File(
                "https://huggingface.co/enerjazzer/BS-ROFO-SW-Fixed/resolve/main/"
                    + "BS-Rofo-SW-Fixed.yaml",
                sha256: "f9fada9f94e5ba2d2e4600196299459294bc5f532b314c209cc156ac63e4329b"),
            licence: "unknown; its author's account is gone"),
        mirrored(
            "bs_roformer_vocals_gabox", "vocals, by Gabox: BS-RoFormer",
            "bs_roformer_voc_gabox.ckpt", 639_254_584,
            "18d58efe5e949e70fab11b875329af6d06ef11ccc29574bfe943fb57cc827f38",
            "config_bs_roformer_voc_gabox.yaml",
            "2bfdd16c656bd9519aba757cc4f8834b7ede675eb1e00ec4772d74ae1c41af7f"),
        mirrored(
            "bs_roformer_vocals_resurrection", "vocals, by unwa: a small BS-RoFormer",
            "model_BandSplit-Roformer_Resurrection_Vocals_by-Unwa.ckpt", 204_510_749,
            "9dbfe5cb572e4ed32a15ec727d7bd06c8d7aba97509e6fda5bc008bb1e0b2dd5",
            "config_BandSplit-Roformer_Resurrection_Vocals_by-Unwa.yaml",
            "79c65b6158c8e9236c9f02247cbb2fb6eb0007c42c47799e9de8e86f474556c6"),
        mirrored(
            "bs_roformer_instrumental_resurrection",
            "the instrumental, by unwa: a small BS-RoFormer",
            "model_BandSplit-Roformer_Resurrection_Instrumental_by-Unwa.ckpt", 204_483_033,
            "16311025a5133ae6411760ccfe9e3e66b31a01d9d8bec0a03fa7ec4bedac7a15",
            "config_BandSplit-Roformer_Resurrection_Instrumental_by-Unwa.yaml",
            "0c67e988e1d608a4d3414f602dd3593ec927913c60618d1ff981baec40455cb0"),
        mirrored(
            "bs_roformer_vocals_revive", "vocals, by unwa: BS-RoFormer",
            "bs_roformer_revive_by_unwa.ckpt", 639_326_600,
            "f1d7e4bfdfef07c6b2bc1d65283a7d03c3c38f8c7dbc8d729b785f93c8b8699a",
            "config_bs_roformer_revive_by_unwa.yaml",
            "6b9d5fb6aeda6b0941f937e4e4883643e3187331ff403fb820c7aa6af4b02dbb"),
        mirrored(
            "bs_roformer_vocals_revive_v2", "vocals, by unwa: BS-RoFormer",
            "bs_roformer_revive_v2_by_unwa.ckpt", 639_326_600,
            "58098850c882a7472dad39f99fb8040ce6eaafe671cfe9881d89aea276bbb5f5",
            "config_bs_roformer_revive_by_unwa.yaml",
            "6b9d5fb6aeda6b0941f937e4e4883643e3187331ff403fb820c7aa6af4b02dbb"),
        mirrored(
            "bs_roformer_vocals_revive_v3e", "vocals, by unwa: BS-RoFormer",
            "bs_roformer_revive_v3_by_unwa.ckpt", 639_326_600,
            "1b0751b9a15c591407c3b77f08eb4ad3005e42e96051f3f2b39760f1130c467b",
            "config_bs_roformer_revive_by_unwa.yaml",
            "6b9d5fb6aeda6b0941f937e4e4883643e3187331ff403fb820c7aa6af4b02dbb"),
        mirrored(
            "bs_roformer_chorus_male_female",
            "male and female voices of a choir, by Sucial: BS-RoFormer",
            "model_chorus_bs_roformer_ep_267_sdr_24.1275.ckpt", 527_121_477,
            "123c00786bdbc6bd462dddb35cd21fd6ae99ab8319f93f63a8abc1012e593d94",
            "config_bs_roformer_chorus_male_female.yaml",
            "363ef6bef5f0fd89b69e6e0f90dcc102dec6aaeb6e55790cae1796bebdf5097e",
            licence: "CC BY-NC-SA 4.0 by its card: not for commercial use"),
        mirrored(
            "bs_roformer_male_female", "male and female voices, by aufr33: BS-RoFormer",
            "bs_roformer_male_female_by_aufr33_sdr_7.2889.ckpt", 527_119_779,
            "3cf11736d1b42a11ae55d8299316585921477dd2a671b24b663660846ca9861b",
            "config_bs_roformer_chorus_male_female.yaml",
            "363ef6bef5f0fd89b69e6e0f90dcc102dec6aaeb6e55790cae1796bebdf5097e",
            licence: "not known: no card was found"),
        LinkedModel(
            name: "bs_roformer_dereverb",
            summary: "voices without reverberation, by anvuew: BS-RoFormer",
            checkpoint: File(
                mirror + "deverb_bs_roformer_8_384dim_10depth.ckpt",
                sha256: "9c38653aaa5e49f2f7b84dd3be2b6b679e0cbea23978e6b48389ee6f0a914768",
                countBytes: 361_499_604),
            configuration: File(
                "https://huggingface.co/anvuew/dereverb_bs_roformer/resolve/main/archive/"
                    + "deverb_bs_roformer_8_384dim_10depth.yaml",
                sha256: "a87cf93b36b9a20d25a9cc4f78a2541ea0033988e7b6c38dcf0029e9290af816"),
            licence: "GPL-3.0 by its card"),
        LinkedModel(
            name: "htdemucs_vocals", summary: "vocals and the rest, by ZFTurbo: HTDemucs",
            // The checksum is recorded in one public script alone.
            checkpoint: File(
                training + "v1.0.0/model_vocals_htdemucs_sdr_8.78.ckpt",
                sha256: "0ea6e9495685045e6b4e66174131be5d19808bb0d6d1a1ba717d238f9380e8d0"),
            configuration: File(configurations + "config_vocals_htdemucs.yaml"),
            licence: unstated),
        LinkedModel(
            name: "drumsep",
            summary: "kick, snare, cymbals and toms of a drum stem, by inagoy: Hybrid Demucs",
            checkpoint: File(training + "v1.0.5/model_drumsep.th"),
            configuration: File(configurations + "config_drumsep.yaml"),
            licence: "MIT in its author's repository, which does not name the weights"),
        cinematic("cdx23", "dbb4db154df7e45a5cb72d1659c48937e757f6d6b0eef8ca4199e6e38f8d8f37"),
        cinematic("cdx23_2", "a778de4a72b90482a578bfb6ea6bf41462785d9136c11802c67a864a40f29434"),
        cinematic("cdx23_3", "e41a54684d3cd6794ee2bb59183ffeb11a9a3d42db873a6a08a9829ac3ef4cfe"),
    ]

    /// A model of MVSEP-CDX23, whose better quality is the mean of its three. Addresses and checksums
    /// are recorded by several public projects; a file's name has the first digits of its checksum.
    private static func cinematic(_ name: String, _ sha256: String) -> LinkedModel {
        LinkedModel(
            name: name, summary: "music, effects and dialogue of a film, by ZFTurbo: HTDemucs",
            checkpoint: File(
                "https://github.com/ZFTurbo/MVSEP-CDX23-Cinematic-Sound-Demixing/releases/download/"
                    + "v.1.0.0/97d170e1-\(sha256.prefix(8)).th",
                sha256: sha256),
            configuration: nil, licence: unstated)
    }

    /// A model of the mirror that bs-roformer-infer fetches from.
    private static func mirrored(
        _ name: String, _ summary: String, _ checkpoint: String, _ countBytes: Int,
        _ sha256: String, _ configuration: String, _ configurationSHA256: String,
        licence: String = unread
    ) -> LinkedModel {
        LinkedModel(
            name: name, summary: summary,
            checkpoint: File(mirror + checkpoint, sha256: sha256, countBytes: countBytes),
            configuration: File(mirror + configuration, sha256: configurationSHA256),
            licence: licence)
    }
}
