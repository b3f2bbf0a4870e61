using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Vertex;

/// <summary>The key file of a service account of Google's.</summary>
/// <param name="Email">Whose it is.</param>
/// <param name="KeyId">The key's id.</param>
/// <param name="Pem">The private key.</param>
/// <param name="TokenAddress">Where tokens are given.</param>
internal sealed record ServiceAccountKey(string Email, string KeyId, string Pem, Uri TokenAddress)
{
    /// <summary>Whether a key is such a file's text, and no token.</summary>
    public static bool Is(string key) => key.StartsWith('{');

    /// <exception cref="FormatException">It is none.</exception>
    public static ServiceAccountKey Parse(string json)
    {
        try
        {
            JsonNode? file = JsonNode.Parse(json);
            string Member(string name) => (string?)file?[name] is { Length: > 0 } text
                ? text
                : throw new FormatException($"it has no {name}");
            ServiceAccountKey key = new(
                Member("client_email"), Member("private_key_id"), Member("private_key"), new Uri(Member("token_uri")));
            using var rsa = RSA.Create();
            rsa.ImportFromPem(key.Pem);
            return key;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or UriFormatException
            or ArgumentException or CryptographicException)
        {
            throw new FormatException(fault.Message, fault);
        }
    }
}

/// <summary>Tokens of a service account: one is asked for and used until shortly before it ends (RFC 7523).</summary>
internal sealed class ServiceAccount(ServiceAccountKey key, HttpMessageInvoker invoker, TimeProvider time)
{
    private const string Scope = "https://www.googleapis.com/auth/cloud-platform";
    private const int AnswerCharsMax = 64 * 1024;
    private static readonly TimeSpan AssertionLife = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Reserve = TimeSpan.FromMinutes(2); // A token is not used in its last minutes.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private Task<(string Text, DateTimeOffset Until)>? _token;

    /// <exception cref="HttpRequestException">None was given.</exception>
    public async Task<string> TokenAsync(CancellationToken cancellation)
    {
        Task<(string Text, DateTimeOffset Until)> token;
        lock (_lock)
        {
            bool isGood = _token is { IsCompleted: false }
                || (_token is { IsCompletedSuccessfully: true } given && time.GetUtcNow() < given.Result.Until);
            // Not cancelled with a call: others wait for the same one.
            token = isGood ? _token! : _token = AskAsync();
        }

        try
        {
            return (await token.WaitAsync(cancellation)).Text;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Failed($"{key.TokenAddress.Host} gave no token within {Patience.TotalSeconds} s.");
        }
    }

    private async Task<(string Text, DateTimeOffset Until)> AskAsync()
    {
        using CancellationTokenSource patience = new(Patience, time);
        DateTimeOffset now = time.GetUtcNow();
        using HttpRequestMessage request = new(HttpMethod.Post, key.TokenAddress)
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "urn:ietf:params:oauth:grant-type:jwt-bearer",
                ["assertion"] = Assertion(now),
            }),
        };
        using HttpResponseMessage response = await invoker.SendAsync(request, patience.Token);
        if (response.StatusCode != HttpStatusCode.OK)
            throw Failed($"{key.TokenAddress.Host} answered {(int)response.StatusCode} and gave no token.");
        string text = await response.Content.ReadAsStringAsync(patience.Token);
        try
        {
            JsonNode? answer = text.Length <= AnswerCharsMax ? JsonNode.Parse(text) : null;
            string token = (string?)answer?["access_token"] ?? throw Failed("The answer has no token.");
            return (token, now + TimeSpan.FromSeconds((double?)answer?["expires_in"] ?? 0) - Reserve);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw Failed($"The token's answer cannot be read: {fault.Message}");
        }
    }

    private string Assertion(DateTimeOffset now)
    {
        string header = Encode(new JsonObject { ["alg"] = "RS256", ["typ"] = "JWT", ["kid"] = key.KeyId });
        string claims = Encode(new JsonObject
        {
            ["iss"] = key.Email,
            ["scope"] = Scope,
            ["aud"] = key.TokenAddress.OriginalString,
            ["iat"] = now.ToUnixTimeSeconds(),
            ["exp"] = (now + AssertionLife).ToUnixTimeSeconds(),
        });
        using var rsa = RSA.Create();
        rsa.ImportFromPem(key.Pem);
        byte[] signature = rsa.SignData(
            Encoding.ASCII.GetBytes($"{header}.{claims}"), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return $"{header}.{claims}.{Base64Url.EncodeToString(signature)}";
    }

    private static string Encode(JsonObject json) =>
        Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(json));

    private static HttpRequestException Failed(string message) =>
        new(HttpRequestError.ConnectionError, message);
}
