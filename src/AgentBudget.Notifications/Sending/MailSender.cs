using System.Net.Sockets;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace AgentBudget.Notifications.Sending;

/// <summary>Sends notices as mail over the operator's server. A message's id is the notice's.</summary>
internal sealed class MailSender(MailOptions? options, TimeProvider time) : INoticeSender
{
    /// <summary>A mail server may greet late to keep senders of junk away.</summary>
    internal static readonly TimeSpan AttemptMax = TimeSpan.FromSeconds(30);

    private const int SubmissionsPort = 465; // TLS from the first byte (RFC 8314); other ports begin it by STARTTLS.

    public async Task<SendResult> SendAsync(
        string tenant, EndpointBook endpoint, Notice notice, CancellationToken cancellationToken)
    {
        if (options is null)
            return new SendResult(IsTaken: false, 0, "no mail server is set: see notifications:smtp of the silo");
        using CancellationTokenSource timeout = new(AttemptMax, time);
        using CancellationTokenSource either =
            CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            using MimeMessage message = MessageOf(options, tenant, endpoint, notice);
            using SmtpClient client = new();
            await client.ConnectAsync(options.Host, options.Port, SecurityOf(options), either.Token);
            if (options.User is not null)
                await client.AuthenticateAsync(options.User, await PasswordAsync(options, either.Token), either.Token);
            await client.SendAsync(message, either.Token);
            await client.DisconnectAsync(quit: true, either.Token);
            return new SendResult(IsTaken: true, (int)SmtpStatusCode.Ok, "");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new SendResult(IsTaken: false, 0, $"no answer within {AttemptMax.TotalSeconds} s");
        }
        catch (SmtpCommandException refused)
        {
            return new SendResult(IsTaken: false, (int)refused.StatusCode, $"answered {(int)refused.StatusCode}");
        }
        catch (Exception fault) when (fault is IOException or SocketException or ProtocolException
            or ServiceNotConnectedException or AuthenticationException or SslHandshakeException
            or NotSupportedException or UnauthorizedAccessException)
        {
            return new SendResult(IsTaken: false, 0, SentenceOf(fault));
        }
    }

    internal static MimeMessage MessageOf(
        MailOptions options, string tenant, EndpointBook endpoint, Notice notice)
    {
        MimeMessage message = new() { Subject = $"AgentBudget, {tenant}: {notice.Text}" };
        message.From.Add(MailboxAddress.Parse(options.From));
        foreach (string recipient in endpoint.Recipients) message.To.Add(MailboxAddress.Parse(recipient));
        message.MessageId = $"{notice.Id}@agentbudget.invalid";
        message.Headers.Add("Auto-Submitted", "auto-generated"); // RFC 3834: nobody is to answer by a machine.
        message.Body = new TextPart("plain")
        {
            Text = $"{notice.Text}\n\nabout: {notice.Subject}\n"
                + $"when: {notice.Time.ToDateTime():yyyy-MM-dd HH:mm:ss} UTC\nnotice: {notice.Id}\n",
        };
        return message;
    }

    private static SecureSocketOptions SecurityOf(MailOptions options) =>
        options.Port == SubmissionsPort ? SecureSocketOptions.SslOnConnect
        : options.AllowCleartext ? SecureSocketOptions.StartTlsWhenAvailable
        : SecureSocketOptions.StartTls;

    private static async Task<string> PasswordAsync(MailOptions options, CancellationToken cancellationToken) =>
        options.PasswordFile is null
            ? ""
            : (await File.ReadAllTextAsync(options.PasswordFile, cancellationToken)).TrimEnd('\r', '\n');

    private static string SentenceOf(Exception fault) => fault switch
    {
        AuthenticationException => "the mail server does not take the user and password",
        SslHandshakeException or NotSupportedException => "TLS with the mail server failed",
        UnauthorizedAccessException => "the file of the password cannot be read",
        _ => "no connection to the mail server, or it broke",
    };
}
