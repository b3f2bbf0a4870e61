using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AgentBudget.Gateway.Upstreams.Bedrock;

/// <summary>Keys of AWS.</summary>
/// <param name="Id">The access key's id.</param>
/// <param name="Secret">Its secret.</param>
/// <param name="Token">The token of keys that end; empty for those that do not.</param>
internal sealed record AwsKeys(string Id, string Secret, string Token)
{
    /// <summary>Reads <c>ID:SECRET</c> or <c>ID:SECRET:TOKEN</c>; null for a key that is none of these.</summary>
    public static AwsKeys? Parse(string key) => key.Split(':') switch
    {
        [{ Length: > 0 } id, { Length: > 0 } secret] => new AwsKeys(id, secret, ""),
        [{ Length: > 0 } id, { Length: > 0 } secret, { Length: > 0 } token] => new AwsKeys(id, secret, token),
        _ => null,
    };
}

/// <summary>Signs requests as AWS wants them, version 4 ("Signature Version 4 for API requests").</summary>
internal static class SigV4
{
    private const string Algorithm = "AWS4-HMAC-SHA256";

    /// <summary>Adds date, token and signature to a request that has its final address.</summary>
    /// <param name="request">The request; its address has no query.</param>
    /// <param name="body">Its body.</param>
    /// <param name="keys">Who signs.</param>
    /// <param name="region">Such as us-east-1.</param>
    /// <param name="service">Such as bedrock.</param>
    /// <param name="now">When.</param>
    public static void Sign(
        HttpRequestMessage request,
        ReadOnlySpan<byte> body,
        AwsKeys keys,
        string region,
        string service,
        DateTimeOffset now)
    {
        Uri address = request.RequestUri!;
        string time = now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        string scope = $"{time[..8]}/{region}/{service}/aws4_request";
        string host = address.IsDefaultPort ? address.Host : $"{address.Host}:{address.Port}";
        List<(string Name, string Value)> headers = [("host", host), ("x-amz-date", time)];
        if (keys.Token.Length > 0) headers.Add(("x-amz-security-token", keys.Token));
        string names = string.Join(';', headers.Select(header => header.Name));
        string canonical = string.Join('\n', [
            request.Method.Method,
            EncodePath(address.AbsolutePath),
            "",
            .. headers.Select(header => $"{header.Name}:{header.Value}"),
            "",
            names,
            Convert.ToHexStringLower(SHA256.HashData(body)),
        ]);
        string signed = string.Join('\n', Algorithm, time, scope, HexHash(canonical));
        byte[] key = Encoding.UTF8.GetBytes($"AWS4{keys.Secret}");
        foreach (string part in scope.Split('/')) key = Mac(key, part);
        string signature = Convert.ToHexStringLower(Mac(key, signed));
        foreach ((string name, string value) in headers.Skip(1))
            request.Headers.TryAddWithoutValidation(name, value);
        request.Headers.TryAddWithoutValidation(
            "Authorization", $"{Algorithm} Credential={keys.Id}/{scope}, SignedHeaders={names}, Signature={signature}");
    }

    // Every service but S3 wants the path, which is encoded, encoded once more.
    private static string EncodePath(string path) =>
        string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    private static string HexHash(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static byte[] Mac(byte[] key, string text) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text));
}
