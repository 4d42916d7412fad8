"""Llama: RMS norms, rotary positions, grouped-query attention, a gated MLP."""

from coldforge.model.families.family import Family, Stage

FAMILY = Family(
    name="llama",
    blocks="model.layers",
    stages=(
        Stage(
            "hidden",
            {
                "self_attn.q_proj": "query",
                "self_attn.k_proj": "key_value",
                "self_attn.v_proj": "key_value",
            },
            norm="input_layernorm",
        ),
        Stage("query", {"self_attn.o_proj": "hidden"}, linear="self_attn.v_proj"),
        Stage(
            "hidden",
            {"mlp.gate_proj": "intermediate", "mlp.up_proj": "intermediate"},
            norm="post_attention_layernorm",
        ),
        Stage("intermediate", {"mlp.down_proj": "hidden"}, linear="mlp.up_proj"),
    ),
    embedding="model.embed_tokens",
    final_norm="model.norm",
    norm="rms",
    positions="rotary",
    gated=True,
    biases={
        "self_attn.q_proj": "attention_bias",
        "self_attn.k_proj": "attention_bias",
        "self_attn.v_proj": "attention_bias",
        "self_attn.o_proj": "attention_bias",
        "mlp.gate_proj": "mlp_bias",
        "mlp.up_proj": "mlp_bias",
        "mlp.down_proj": "mlp_bias",
    },
)
