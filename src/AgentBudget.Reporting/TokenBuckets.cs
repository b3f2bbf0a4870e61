using System.Collections.Frozen;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Reflection;

namespace AgentBudget.Reporting;

/// <summary>
/// The token buckets as the contract declares them: a bucket TOKEN_BUCKET_CACHE_READ is "cache_read" in reports and
/// cache_read_tokens in a usage. Read from the descriptors, so that a new bucket is everywhere at once.
/// </summary>
internal static class TokenBuckets
{
    private const string EnumPrefix = "TOKEN_BUCKET_";
    private const string FieldSuffix = "_tokens";

    /// <summary>Every bucket but the unspecified one.</summary>
    public static IReadOnlyList<TokenBucket> All { get; } = [.. Enum.GetValues<TokenBucket>().Where(IsBucket)];

    private static readonly FrozenDictionary<TokenBucket, string> Names = All.ToFrozenDictionary(
        bucket => bucket,
        bucket => EnumOf().FindValueByNumber((int)bucket).Name[EnumPrefix.Length..].ToLowerInvariant());

    private static readonly FrozenDictionary<TokenBucket, FieldDescriptor> Fields = All.ToFrozenDictionary(
        bucket => bucket,
        bucket => TokenUsage.Descriptor.FindFieldByName(Names[bucket] + FieldSuffix)
            ?? throw new InvalidOperationException($"a usage has no field for the tokens of {bucket}"));

    /// <summary>The name in reports; empty for none.</summary>
    public static string NameOf(TokenBucket bucket) => Names.GetValueOrDefault(bucket, "");

    /// <summary>How many tokens of a usage are in a bucket.</summary>
    public static long CountOf(TokenUsage usage, TokenBucket bucket) =>
        (long)Fields[bucket].Accessor.GetValue(usage);

    /// <summary>Writes a bucket of a usage.</summary>
    public static void Set(TokenUsage usage, TokenBucket bucket, long tokens) =>
        Fields[bucket].Accessor.SetValue(usage, tokens);

    private static bool IsBucket(TokenBucket bucket) => bucket != TokenBucket.Unspecified;

    private static EnumDescriptor EnumOf() => TokensReflection.Descriptor.FindTypeByName<EnumDescriptor>("TokenBucket");
}
