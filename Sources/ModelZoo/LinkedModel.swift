// Models of other authors that are found by name: where their files are, and what is known of them.
// Addresses, sizes and checksums are those of bs-roformer-infer and melband-roformer-infer 0.1.5
// (data/checksums.json, data/overrides.json), of Music-Source-Separation-Training at ccc011a
// (docs/pretrained_models.md) and of MSST-WebUI at 2aee2cc (data_backup/models_info.json); a comment
// names any other source.

import System

package struct LinkedModel: Sendable {
    /// A file at its author's or a mirror's address.
    package struct File: Sendable {
        package let url: String
        /// 64 hexadecimal digits; nil if none are published.
        package var sha256: String?
        package var countBytes: Int?
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
    private static let nonCommercial = "CC BY-NC-SA 4.0 by its card: not for commercial use"
    private static let gpl = "GPL-3.0 by its card"

    private static let hub = "https://huggingface.co/"
    private static let bands =
        hub + "Politrees/UVR_resources/resolve/main/models/Roformer/BandSplit/"
    private static let mel = hub + "Politrees/UVR_resources/resolve/main/models/Roformer/MelBand/"
    private static let webVoices = hub + "Sucial/MSST-WebUI/resolve/main/All_Models/vocal_models/"
    private static let webSingle =
        hub + "Sucial/MSST-WebUI/resolve/main/All_Models/single_stem_models/"
    private static let echo = hub + "Sucial/Dereverb-Echo_Mel_Band_Roformer/resolve/main/"
    private static let anvuew = hub + "anvuew/dereverb_mel_band_roformer/resolve/main/"
    private static let becruily = hub + "becruily/bs-roformer-karaoke/resolve/main/"
    private static let uvr =
        "https://github.com/TRvlvr/model_repo/releases/download/all_public_uvr_models/"
    private static let separator =
        "https://github.com/nomadkaraoke/python-audio-separator/releases/download/model-configs/"
    private static let training =
        "https://github.com/ZFTurbo/Music-Source-Separation-Training/releases/download/"
    private static let raw = "https://raw.githubusercontent.com/"
    private static let configurations =
        raw + "ZFTurbo/Music-Source-Separation-Training/"
        + "ccc011abf7f89dd7922bb2888d48493b575c0289/configs/"

    private static let revive = File(
        url: bands + "config_bs_roformer_revive_by_unwa.yaml",
        sha256: "6b9d5fb6aeda6b0941f937e4e4883643e3187331ff403fb820c7aa6af4b02dbb")
    private static let choir = File(
        url: bands + "config_bs_roformer_chorus_male_female.yaml",
        sha256: "363ef6bef5f0fd89b69e6e0f90dcc102dec6aaeb6e55790cae1796bebdf5097e")
    private static let gaboxKaraoke = File(
        url: mel + "config_MelBand-Roformer_Karaoke_by-Gabox.yaml",
        sha256: "16b726891076fd0bebab9ce038240b51afb22b04eac6026a7f0356178dcb65b7")
    private static let denoise = File(
        url: training + "v.1.0.7/model_mel_band_roformer_denoise.yaml")
    private static let dereverb = File(url: anvuew + "dereverb_mel_band_roformer_anvuew.yaml")
    private static let dereverbEcho = File(url: echo + "config_dereverb_echo_mbr_v2.yaml")
    private static let aspiration = File(
        url: separator + "config_aspiration_mel_band_roformer.yaml")

    package static let all = [
        row(
            "mel_band_roformer_kim", "vocals, by Kimberley Jensen: Mel-Band RoFormer",
            "MIT by its card on the hub",
            File(url: configurations + "KimberleyJensen/config_vocals_mel_band_roformer_kj.yaml"),
            hub + "KimberleyJSN/melbandroformer/resolve/main/MelBandRoformer.ckpt", 913_106_900,
            "87201f4d31afb5bc79993230fc49446918425574db48c01c405e44f365c7559e"),
        row(
            "bs_roformer_ep_317", "vocals, by viperx: BS-RoFormer", unstated,
            File(url: configurations + "viperx/model_bs_roformer_ep_317_sdr_12.9755.yaml"),
            uvr + "model_bs_roformer_ep_317_sdr_12.9755.ckpt", 639_331_213,
            "5b84f37e8d444c8cb30c79d77f613a41c05868ff9c9ac6c7049c00aefae115aa"),
        row(
            "bs_roformer_ep_368", "vocals, by viperx: BS-RoFormer", unstated,
            File(
                url: raw + "TRvlvr/application_data/30b0b148049e95418b8f91459a9970aab732638b/"
                    + "mdx_model_data/mdx_c_configs/model_bs_roformer_ep_368_sdr_12.9628.yaml"),
            uvr + "model_bs_roformer_ep_368_sdr_12.9628.ckpt", 639_317_465,
            "f6c94864adfb73bbb0ca58ec14d58dd0b364549e9fb61433ae51916f3e2f8d0b"),
        row(
            "bs_roformer_sw", "bass, drums, other, vocals, guitar and piano: BS-RoFormer",
            "unknown; its author's account is gone",
            File(
                url: hub + "enerjazzer/BS-ROFO-SW-Fixed/resolve/main/BS-Rofo-SW-Fixed.yaml",
                sha256: "f9fada9f94e5ba2d2e4600196299459294bc5f532b314c209cc156ac63e4329b"),
            hub + "enerjazzer/BS-ROFO-SW-Fixed/resolve/main/BS-Rofo-SW-Fixed.ckpt", 699_412_152,
            "24e7d35ee9c64415673d3fd33e06a67cac2c103c5df6267ba1576459c775916e"),
        row(
            "bs_roformer_vocals_gabox", "vocals, by Gabox: BS-RoFormer", unread,
            File(
                url: bands + "config_bs_roformer_voc_gabox.yaml",
                sha256: "2bfdd16c656bd9519aba757cc4f8834b7ede675eb1e00ec4772d74ae1c41af7f"),
            bands + "bs_roformer_voc_gabox.ckpt", 639_254_584,
            "18d58efe5e949e70fab11b875329af6d06ef11ccc29574bfe943fb57cc827f38"),
        row(
            "bs_roformer_vocals_resurrection", "vocals, by unwa: a small BS-RoFormer", unread,
            File(
                url: bands + "config_BandSplit-Roformer_Resurrection_Vocals_by-Unwa.yaml",
                sha256: "79c65b6158c8e9236c9f02247cbb2fb6eb0007c42c47799e9de8e86f474556c6"),
            bands + "model_BandSplit-Roformer_Resurrection_Vocals_by-Unwa.ckpt", 204_510_749,
            "9dbfe5cb572e4ed32a15ec727d7bd06c8d7aba97509e6fda5bc008bb1e0b2dd5"),
        row(
            "bs_roformer_instrumental_resurrection",
            "the instrumental, by unwa: a small BS-RoFormer", unread,
            File(
                url: bands + "config_BandSplit-Roformer_Resurrection_Instrumental_by-Unwa.yaml",
                sha256: "0c67e988e1d608a4d3414f602dd3593ec927913c60618d1ff981baec40455cb0"),
            bands + "model_BandSplit-Roformer_Resurrection_Instrumental_by-Unwa.ckpt", 204_483_033,
            "16311025a5133ae6411760ccfe9e3e66b31a01d9d8bec0a03fa7ec4bedac7a15"),
        row(
            "bs_roformer_vocals_revive", "vocals, by unwa: BS-RoFormer", unread, revive,
            bands + "bs_roformer_revive_by_unwa.ckpt", 639_326_600,
            "f1d7e4bfdfef07c6b2bc1d65283a7d03c3c38f8c7dbc8d729b785f93c8b8699a"),
        row(
            "bs_roformer_vocals_revive_v2", "vocals, by unwa: BS-RoFormer", unread, revive,
            bands + "bs_roformer_revive_v2_by_unwa.ckpt", 639_326_600,
            "58098850c882a7472dad39f99fb8040ce6eaafe671cfe9881d89aea276bbb5f5"),
        row(
            "bs_roformer_vocals_revive_v3e", "vocals, by unwa: BS-RoFormer", unread, revive,
            bands + "bs_roformer_revive_v3_by_unwa.ckpt", 639_326_600,
            "1b0751b9a15c591407c3b77f08eb4ad3005e42e96051f3f2b39760f1130c467b"),
        row(
            "bs_roformer_chorus_male_female",
            "male and female voices of a choir, by Sucial: BS-RoFormer", nonCommercial, choir,
            bands + "model_chorus_bs_roformer_ep_267_sdr_24.1275.ckpt", 527_121_477,
            "123c00786bdbc6bd462dddb35cd21fd6ae99ab8319f93f63a8abc1012e593d94"),
        row(
            "bs_roformer_male_female", "male and female voices, by aufr33: BS-RoFormer",
            "not known: no card was found", choir,
            bands + "bs_roformer_male_female_by_aufr33_sdr_7.2889.ckpt", 527_119_779,
            "3cf11736d1b42a11ae55d8299316585921477dd2a671b24b663660846ca9861b"),
        // One public script alone records address and checksum.
        row(
            "bs_roformer_karaoke_becruily", "the lead voice, by frazer and becruily: BS-RoFormer",
            unread,
            File(
                url: becruily + "config_karaoke_frazer_becruily.yaml",
                sha256: "1d3b58b473025183d0d3c91e7a444cb5f1418d9f34e8f46b8d2fb10d2cc8ab34"),
            becruily + "bs_roformer_karaoke_frazer_becruily.ckpt", nil,
            "eb90ee24c1154d83fbcfd27e96182f19e061557cc6e4746953125e08c29389f9"),
        // The same script alone records them.
        row(
            "bs_roformer_karaoke_anvuew", "the lead voice, by anvuew: BS-RoFormer",
            "GPL-3.0, as another project notes",
            File(
                url: hub
                    + "anvuew/karaoke_bs_roformer/resolve/main/karaoke_bs_roformer_anvuew.yaml",
                sha256: "5cb3f127ecbc6a8e37f31ea7e05f60f360a44da43e857bde805b7b68558f6338"),
            hub + "anvuew/karaoke_bs_roformer/resolve/main/karaoke_bs_roformer_anvuew.ckpt", nil,
            "206d04757cb5f75ca3b55f8a0a48f5c26aa2351d4ff3c7adbfc9affa30ea3ae4"),
        // The same script alone records the checkpoint's checksum.
        row(
            "mel_band_roformer_karaoke_gabox_v2", "the lead voice, by Gabox: Mel-Band RoFormer",
            unread, gaboxKaraoke, separator + "mel_band_roformer_karaoke_gabox_v2.ckpt", nil,
            "ec34be50327aeaf1a996c27977f5c30d1ac80c0076d69683d3e5184c31ea29d3"),
        row(
            "mel_band_roformer_karaoke_gabox", "the lead voice, by Gabox: Mel-Band RoFormer",
            unread, gaboxKaraoke, mel + "mel_band_roformer_karaoke_gabox.ckpt", 913_026_650,
            "303fc631e7aa587e9dc1e6ac4bb3667c6ba53aacb6b6a90abcfcf57935b92bd8"),
        row(
            "mel_band_roformer_karaoke", "the lead voice, by aufr33 and viperx: Mel-Band RoFormer",
            unstated,
            File(
                url: raw + "TRvlvr/application_data/adea29c9fdbd2fa115a208965d00a6f03cdfde96/"
                    + "mdx_model_data/mdx_c_configs/config_mel_band_roformer_karaoke.yaml"),
            webVoices + "model_mel_band_roformer_karaoke_aufr33_viperx_sdr_10.1956.ckpt",
            913_096_801, "1de20d459332fe8869aeb01327a31df0032262706e1365114e852dc271779813"),
        row(
            "mel_band_roformer_karaoke_becruily",
            "the lead voice, by becruily: Mel-Band RoFormer", unread,
            File(
                url: mel + "config_melband_roformer_karaoke_becruily.yaml",
                sha256: "cd37b0dcc285fc22d88090415722ac7127ee1d9ea2f3346c3b8d8fcc61e0c74b"),
            mel + "melband_roformer_karaoke_becruily.ckpt", 1_719_139_254,
            "d3aa262ac01df870b9fc033e9c7b6cad33fe04fc9c148b6c40841326a515a0e0"),
        row(
            "mel_band_roformer_denoise", "sound without noise, by aufr33: Mel-Band RoFormer",
            unstated, denoise,
            training + "v.1.0.7/denoise_mel_band_roformer_aufr33_sdr_27.9959.ckpt", 913_097_300,
            "7c1c39191edc34e942ca7f2346ce6b6c0e1208a5f76349ffce6f696bd12910de"),
        row(
            "mel_band_roformer_denoise_aggressive",
            "sound without noise, by aufr33: Mel-Band RoFormer", unstated, denoise,
            training + "v.1.0.7/denoise_mel_band_roformer_aufr33_aggr_sdr_27.9768.ckpt",
            913_097_300, "a25e3b233722cd81e2de7b8e798a3fef29d4b9799ccacda60b0dc958a1e2a5bb"),
        row(
            "mel_band_roformer_denoise_debleed",
            "an instrumental without its noise and rests of voices, by Gabox: Mel-Band RoFormer",
            unread,
            File(
                url: mel + "config_melband_roformer_inst_gabox.yaml",
                sha256: "723af6755b5624be0a58351a13c930c472b51ef677cf2c7943394fefed7c3d4d"),
            hub + "GaboxR67/MelBandRoformers/resolve/main/melbandroformers/instrumental/"
                + "denoisedebleed.ckpt",
            913_026_650, "91aa7a546ed2e93482e4629c982d35b0d258bb3de6eeab497fd91658cc86c7fd"),
        row(
            "mel_band_roformer_dereverb",
            "voices without reverberation, by anvuew: Mel-Band RoFormer", gpl, dereverb,
            anvuew + "dereverb_mel_band_roformer_anvuew_sdr_19.1729.ckpt", 913_107_578,
            "9262877b87e9ebb0fb808a456b0a411fa677f5df31c8383c1254af531c078970"),
        row(
            "mel_band_roformer_dereverb_less",
            "voices without reverberation, by anvuew: Mel-Band RoFormer", gpl, dereverb,
            mel + "dereverb_mel_band_roformer_less_aggressive_anvuew_sdr_18.8050.ckpt", 913_107_578,
            "0db8f1b41c00cead1112e967262a12802fd32e76c0c3a8eb207e772bae25d07b"),
        row(
            "mel_band_roformer_dereverb_mono",
            "a voice in mono without reverberation, by anvuew: Mel-Band RoFormer", gpl, dereverb,
            anvuew + "dereverb_mel_band_roformer_mono_anvuew_sdr_20.4029.ckpt"),
        row(
            "bs_roformer_dereverb", "voices without reverberation, by anvuew: BS-RoFormer", gpl,
            File(
                url: hub + "anvuew/dereverb_bs_roformer/resolve/main/archive/"
                    + "deverb_bs_roformer_8_384dim_10depth.yaml",
                sha256: "a87cf93b36b9a20d25a9cc4f78a2541ea0033988e7b6c38dcf0029e9290af816"),
            bands + "deverb_bs_roformer_8_384dim_10depth.ckpt", 361_499_604,
            "9c38653aaa5e49f2f7b84dd3be2b6b679e0cbea23978e6b48389ee6f0a914768"),
        row(
            "mel_band_roformer_dereverb_echo",
            "voices without reverberation and echo, by Sucial: Mel-Band RoFormer", nonCommercial,
            File(url: echo + "config_dereverb-echo_mel_band_roformer.yaml"),
            echo + "dereverb-echo_mel_band_roformer_sdr_10.0169.ckpt", 835_997_896,
            "cd2b737a394cfb80cd48cc9fcbaf89f5f4062f6b93066c2911617a06d8b7860a"),
        row(
            "mel_band_roformer_dereverb_echo_v2",
            "voices without reverberation and echo, by Sucial: Mel-Band RoFormer", nonCommercial,
            dereverbEcho, mel + "dereverb-echo_mel_band_roformer_sdr_13.4843_v2.ckpt", 455_862_568,
            "396432f5af25992fe82d0286634bd879027c073721db6ab10199e75459708b9f"),
        row(
            "mel_band_roformer_dereverb_echo_fused",
            "voices without reverberation and echo, by Sucial: Mel-Band RoFormer", nonCommercial,
            dereverbEcho, webSingle + "dereverb_echo_mbr_fused_0.5_v2_0.25_big_0.25_super.ckpt",
            455_776_577, "1596b1063238f487d54a0510a8c92cb28c000c803a271dd618ac49efc99ef3f7"),
        row(
            "mel_band_roformer_crowd",
            "applause and shouts, by aufr33 and viperx: Mel-Band RoFormer", unstated,
            File(url: training + "v.1.0.4/model_mel_band_roformer_crowd.yaml"),
            training + "v.1.0.4/mel_band_roformer_crowd_aufr33_viperx_sdr_8.7144.ckpt", 913_096_801,
            "ca8799531fe51c94172cc047226209ed48bf7d8c02e04671795a15d2a1c318af"),
        row(
            "mel_band_roformer_aspiration", "breaths and the rest, by Sucial: Mel-Band RoFormer",
            nonCommercial, aspiration, mel + "aspiration_mel_band_roformer_sdr_18.9845.ckpt",
            835_983_746, "9e791258c866c6c8da66052693d8cc3b64f1f42c01e052dbdc570cd278380cc5"),
        row(
            "mel_band_roformer_aspiration_less",
            "breaths and the rest, by Sucial: Mel-Band RoFormer", nonCommercial, aspiration,
            mel + "aspiration_mel_band_roformer_less_aggr_sdr_18.1201.ckpt", 835_982_664,
            "83bfe991cec4fbadde9f30d1f79cd5293ad0b1f936256be327bba5cbb4883374"),
        row(
            "htdemucs_vocals", "vocals and the rest, by ZFTurbo: HTDemucs", unstated,
            File(url: configurations + "config_vocals_htdemucs.yaml"),
            // The checksum is recorded in one public script alone.
            training + "v1.0.0/model_vocals_htdemucs_sdr_8.78.ckpt", nil,
            "0ea6e9495685045e6b4e66174131be5d19808bb0d6d1a1ba717d238f9380e8d0"),
        row(
            "drumsep", "kick, snare, cymbals and toms of a drum stem, by inagoy: Hybrid Demucs",
            "MIT in its author's repository, which does not name the weights",
            File(url: configurations + "config_drumsep.yaml"), training + "v1.0.5/model_drumsep.th"),
        cinematic("cdx23", "dbb4db154df7e45a5cb72d1659c48937e757f6d6b0eef8ca4199e6e38f8d8f37"),
        cinematic("cdx23_2", "a778de4a72b90482a578bfb6ea6bf41462785d9136c11802c67a864a40f29434"),
        cinematic("cdx23_3", "e41a54684d3cd6794ee2bb59183ffeb11a9a3d42db873a6a08a9829ac3ef4cfe"),
    ]

    /// A model of MVSEP-CDX23, whose better quality is the mean of its three. Addresses and checksums
    /// are recorded by several public projects; a file's name has the first digits of its checksum.
    private static func cinematic(_ name: String, _ sha256: String) -> LinkedModel {
        row(
            name, "music, effects and dialogue of a film, by ZFTurbo: HTDemucs", unstated, nil,
            "https://github.com/ZFTurbo/MVSEP-CDX23-Cinematic-Sound-Demixing/releases/download/"
                + "v.1.0.0/97d170e1-\(sha256.prefix(8)).th", nil, sha256)
    }

    private static func row(
        _ name: String, _ summary: String, _ licence: String, _ configuration: File?,
        _ checkpoint: String, _ countBytes: Int? = nil, _ sha256: String? = nil
    ) -> LinkedModel {
        LinkedModel(
            name: name, summary: summary,
            checkpoint: File(url: checkpoint, sha256: sha256, countBytes: countBytes),
            configuration: configuration, licence: licence)
    }
}
