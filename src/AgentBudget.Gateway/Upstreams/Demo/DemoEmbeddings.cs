using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Demo;

/// <summary>The demo model's embeddings: the same text has the same vector, and no other meaning.</summary>
internal static class DemoEmbeddings
{
    private const int DimensionsByDefault = 8;
    private const int DimensionsMax = 4_096;
    private const int BytesPerToken = 4;

    public static JsonObject Answer(JsonObject call)
    {
        int dimensions = Math.Clamp((int?)call["dimensions"] ?? DimensionsByDefault, 1, DimensionsMax);
        bool isBase64 = (string?)call["encoding_format"] == "base64";
        JsonArray data = [];
        int tokens = 0;
        foreach (JsonNode? input in InputsOf(call["input"]))
        {
            string text = input?.ToJsonString() ?? "";
            tokens += input is JsonArray list ? list.Count : 1 + (text.Length / BytesPerToken);
            float[] vector = VectorOf(text, dimensions);
            data.Add((JsonNode)new JsonObject
            {
                ["object"] = "embedding",
                ["index"] = data.Count,
                ["embedding"] = isBase64
                    ? Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan()))
                    : new JsonArray([.. vector.Select(number => (JsonNode)number)]),
            });
        }

        return new JsonObject
        {
            ["object"] = "list",
            ["data"] = data,
            ["model"] = (string?)call["model"],
            ["usage"] = new JsonObject { ["prompt_tokens"] = tokens, ["total_tokens"] = tokens },
        };
    }

    // A text, a list of texts, the tokens of one text, or a list of these.
    private static JsonArray InputsOf(JsonNode? input)
    {
        bool isList = input is JsonArray list
            && list.All(one => one is JsonArray || (one is JsonValue text && text.TryGetValue<string>(out _)));
        return isList ? (JsonArray)input! : [input?.DeepClone()];
    }

    private static float[] VectorOf(string text, int dimensions)
    {
        byte[] seed = SHA256.HashData(Encoding.UTF8.GetBytes(text));
        float[] vector = new float[dimensions];
        for (int i = 0; i < dimensions; i++) vector[i] = (seed[i % seed.Length] - 127.5f) / 128f;
        float length = MathF.Sqrt(vector.Sum(number => number * number));
        for (int i = 0; i < dimensions; i++) vector[i] /= length;
        return vector;
    }
}
