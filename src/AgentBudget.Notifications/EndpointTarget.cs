using System.Net;
using AgentBudget.Outbound;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using MimeKit;

namespace AgentBudget.Notifications;

/// <summary>Where an endpoint leads: what may be written, and what of it is shown.</summary>
public static class EndpointTarget
{
    /// <summary>URLs of the services that are written to have a quarter of it.</summary>
    public const int UrlCharsMax = 1024;

    /// <summary>More are a list of the mail server's.</summary>
    public const int RecipientsMax = 10;

    private const int AddressCharsMax = 254; // RFC 5321, 4.5.3.1.3, without its brackets.

    /// <summary>What is wrong with a URL; null for nothing. Names are checked again at each attempt.</summary>
    /// <param name="url">The URL.</param>
    /// <param name="allowPrivate">Whether cleartext and addresses that are not public are taken.</param>
    public static string? FaultOfUrl(string url, bool allowPrivate)
    {
        ArgumentNullException.ThrowIfNull(url);
        if (url.Length is 0 or > UrlCharsMax || !Uri.TryCreate(url, UriKind.Absolute, out Uri? parsed))
            return $"must be a URL of at most {UrlCharsMax} characters, such as https://hooks.acme.test/budget";
        if (parsed.Scheme != Uri.UriSchemeHttps && !(allowPrivate && parsed.Scheme == Uri.UriSchemeHttp))
            return "must begin with https://";
        if (parsed.UserInfo.Length > 0) return "must be without a user: notices are signed instead";
        if (parsed.Fragment.Length > 0) return "must be without a fragment";
        bool isPrivate = IPAddress.TryParse(parsed.DnsSafeHost, out IPAddress? address) && !PublicAddress.Is(address);
        return isPrivate && !allowPrivate
            ? "must lead to a public address: notifications:allowPrivate of the silo allows others"
            : null;
    }

    /// <summary>Whether a text is one mail address and nothing else.</summary>
    public static bool IsMailAddress(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length <= AddressCharsMax
            && MailboxAddress.TryParse(text, out MailboxAddress? address)
            && address.Address == text
            && text.IndexOf('@', StringComparison.Ordinal) is > 0 and int at && at < text.Length - 1;
    }

    /// <summary>Where an endpoint leads, without what is secret: of a URL its host alone.</summary>
    public static string Of(EndpointBook book)
    {
        ArgumentNullException.ThrowIfNull(book);
        if (book.Kind != EndpointKind.Email) return new Uri(book.Url).GetLeftPart(UriPartial.Authority);
        return book.Recipients.Count == 1 ? "1 recipient" : $"{book.Recipients.Count} recipients";
    }
}
