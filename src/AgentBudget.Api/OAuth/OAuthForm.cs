using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Api.OAuth;

/// <summary>The parameters of a request, each at most once (RFC 6749 §3.2).</summary>
internal sealed class OAuthForm
{
    private const string ContentType = "application/x-www-form-urlencoded";

    /// <summary>Two tokens of 8 KiB and an assertion, with room.</summary>
    private const int BytesMax = 32 * 1024;

    /// <summary>
    /// A form that is too large is not read; the server reads it away up to here, so that its caller hears why. Beyond
    /// it the connection ends.
    /// </summary>
    private const int UnreadBytesMax = 1024 * 1024;

    private const int ParametersMax = 32;

    private readonly Dictionary<string, StringValues> _values;

    private OAuthForm(Dictionary<string, StringValues> values) => _values = values;

    /// <summary>The value of a parameter; empty when it is not there.</summary>
    internal string this[string name] => _values.TryGetValue(name, out StringValues value) ? value.ToString() : "";

    /// <summary>The value of a parameter that must be there.</summary>
    internal string Require(string name) =>
        this[name] is { Length: > 0 } value
            ? value
            : throw OAuthError.InvalidRequest($"The parameter {name} is missing.");

    internal static async Task<OAuthForm> ReadAsync(HttpContext context)
    {
        string type = context.Request.ContentType ?? "";
        if (!type.Split(';')[0].Trim().Equals(ContentType, StringComparison.OrdinalIgnoreCase))
            throw OAuthError.InvalidRequest($"The request must be {ContentType}.");
        if (context.Request.ContentLength > BytesMax)
        {
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } bodySize)
                bodySize.MaxRequestBodySize = UnreadBytesMax;
            throw OAuthError.InvalidRequest($"The request is larger than {BytesMax} bytes.");
        }

        FormPipeReader reader = new(context.Request.BodyReader)
        {
            ValueCountLimit = ParametersMax,
            KeyLengthLimit = 256,
            ValueLengthLimit = BytesMax,
        };
        Dictionary<string, StringValues> values;
        try
        {
            values = await reader.ReadFormAsync(context.RequestAborted);
        }
        catch (Exception fault) when (fault is InvalidDataException or BadHttpRequestException)
        {
            throw OAuthError.InvalidRequest("The request is not readable.");
        }

        foreach ((string name, StringValues value) in values)
        {
            if (value.Count > 1)
                throw OAuthError.InvalidRequest($"The parameter {name} is there twice.");
        }

        return new OAuthForm(values);
    }
}
