"""GPT-2: layer norms, learned positions, Conv1D layers, an MLP without a gate, a tied head."""

from coldforge.model.families.family import Family, Fields, Stage

FAMILY = Family(
    name="gpt2",
    blocks="transformer.h",
    stages=(
        Stage("hidden", {"attn.c_attn": "joint"}, norm="ln_1"),
        Stage("query", {"attn.c_proj": "hidden"}),
        Stage("hidden", {"mlp.c_fc": "intermediate"}, norm="ln_2"),
        Stage("intermediate", {"mlp.c_proj": "hidden"}),
    ),
    embedding="transformer.wte",
    position_embedding="transformer.wpe",
    final_norm="transformer.ln_f",
    norm="layer",
    positions="learned",
    gated=False,
    transposed=True,
    biases=dict.fromkeys(("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"), True),
    fields=Fields(
        layers="n_layer",
        hidden="n_embd",
        heads="n_head",
        kv_heads="",
        head_dim="",
        intermediate="n_inner",
        positions="n_positions",
        activation="activation_function",
        epsilon="layer_norm_epsilon",
    ),
    tied=True,
    activation="gelu_new",
    epsilon=1e-5,
    expansion=4,
)
