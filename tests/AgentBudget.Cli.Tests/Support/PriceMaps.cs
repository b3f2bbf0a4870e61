using System.Globalization;
using System.Text;

namespace AgentBudget.Cli.Tests.Support;

/// <summary>
/// Price maps in the shapes that others keep, of made-up models: every pair of fields that say a price of a token or of
/// some units, with numbers as JSON writers print them.
/// </summary>
internal static class PriceMaps
{
    /// <summary>Fields of LiteLLM's map by the catalog's bucket or unit.</summary>
    public static readonly (string Field, string Bucket)[] Buckets =
    [
        ("input_cost_per_token", "input"), ("output_cost_per_token", "output"),
        ("cache_read_input_token_cost", "cacheRead"), ("cache_creation_input_token_cost", "cacheWrite5m"),
        ("cache_creation_input_token_cost_above_1hr", "cacheWrite1h"), ("output_cost_per_reasoning_token", "reasoning"),
        ("input_cost_per_audio_token", "inputAudio"), ("output_cost_per_audio_token", "outputAudio"),
        ("input_cost_per_image_token", "inputImage"), ("output_cost_per_image_token", "outputImage"),
        ("cache_read_input_audio_token_cost", "cacheReadAudio"),
        ("cache_creation_input_audio_token_cost", "cacheWriteAudio"),
        ("input_cost_per_character", "input_character"), ("output_cost_per_image", "output_image"),
        ("input_cost_per_request", "request"),
    ];

    public static readonly long[] Thresholds = [0, 128_000, 272_000];

    /// <summary>By the catalog's name of a service tier.</summary>
    public static readonly (string Suffix, string Tier)[] Tiers =
        [("", ""), ("_priority", "priority"), ("_flex", "flex"), ("_batches", "batch")];

    /// <summary>A field that says a price.</summary>
    public sealed record Field(string Bucket, long Above, string Tier, long Nanos)
    {
        public string Name => Buckets.Single(bucket => bucket.Bucket == Bucket).Field
            + (Above == 0 ? "" : $"_above_{Above / 1000}k_tokens")
            + Tiers.Single(tier => tier.Tier == Tier).Suffix;

        /// <summary>
        /// Money for one, as a JSON writer prints it: 1e-07 for 100,000,000 nanos per million.
        /// </summary>
        public string Number => $"{Nanos.ToString(CultureInfo.InvariantCulture)}e-15";
    }

    /// <summary>Entries by made-up name: a price of input, and every pair of fields.</summary>
    public static IEnumerable<(string Model, Field[] Fields)> Pairs()
    {
        Field[] all =
        [
            .. from bucket in Buckets
               from above in Thresholds
               from tier in Tiers
               select (bucket.Bucket, Above: above, tier.Tier) into said
               where said != ("input", 0, "")
               select new Field(said.Bucket, said.Above, said.Tier, 0),
        ];
        for (int first = 0; first < all.Length; first++)
        {
            for (int second = first + 1; second < all.Length; second++)
            {
                yield return (
                    $"made-up/m-{first}-{second}",
                    [
                        new Field("input", 0, "", 3_000_000_000),
                        all[first] with { Nanos = 1 + first },
                        all[second] with { Nanos = 1_000_000 + second },
                    ]);
            }
        }
    }

    public static string LiteLlm(IEnumerable<(string Model, Field[] Fields)> entries)
    {
        StringBuilder map = new("{\n  \"sample_spec\": { \"input_cost_per_token\": \"prose\" }");
        foreach ((string model, Field[] fields) in entries)
        {
            map.Append(",\n  \"").Append(model).Append("\": { \"litellm_provider\": \"made-up\"");
            foreach (Field field in fields) map.Append($", \"{field.Name}\": {field.Number}");
            map.Append(" }");
        }

        return map.Append("\n}\n").ToString();
    }
}
