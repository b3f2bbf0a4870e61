using System.Buffers.Text;
using System.Security.Cryptography;
using AgentBudget.Api.Access;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Api.Identities;

/// <summary>CreateCredential: validate, draw a secret, record its hash, show it once.</summary>
internal sealed class CreateCredential(ApiContext context)
{
    private const int ThumbprintChars = 43; // Base64url of 32 bytes.

    internal async ValueTask<CreateCredentialResponse> HandleAsync(CreateCredentialRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        Check(request, ref faults);
        faults.ThrowIfAny();

        string tenant = context.Callers.TenantOf(call);
        string actor = CallerScope.CallerOf(call).Principal;
        bool hasKey = request.PublicJwk.Length > 0;
        string secret = hasKey ? "" : CredentialSecret.NewSecret();
        ByteString hash = hasKey ? ByteString.Empty : UnsafeByteOperations.UnsafeWrap(CredentialSecret.HashOf(secret));
        Answer answer = await context.SubmitIdentityAsync(tenant, new CreateCredentialCommand(request, hash, actor));
        LedgerEvent created = answer.Event!;
        Answer found = await context.SubmitAsync(tenant, new CredentialQuery(created.Sequence));
        CreateCredentialResponse response = new() { Credential = (Credential)found.View! };
        // A repeated request has drawn another secret than the one that counts, and that one was shown before.
        if (!hasKey && created.CredentialCreated.SecretSha256.Equals(hash))
            response.Secret = CredentialSecret.Compose(request.Role, response.Credential.KeyId, secret);
        return response;
    }

    // As it is compared: the one text that 32 bytes have.
    private static bool IsThumbprint(string text)
    {
        Span<byte> bytes = stackalloc byte[SHA256.HashSizeInBytes];
        return text.Length == ThumbprintChars
            && Base64Url.TryDecodeFromChars(text, bytes, out int count) && count == bytes.Length
            && Base64Url.EncodeToString(bytes) == text;
    }

    private static void Check(CreateCredentialRequest request, ref FieldFaults faults)
    {
        FieldChecks.RequestId(ref faults, request.RequestId);
        if (request.Role == Role.Unspecified || !Enum.IsDefined(request.Role))
            faults.Add("role", "must be what the credential may do");
        bool isAgents = request.Role == Role.Agent;
        if (isAgents)
            FieldChecks.Name(ref faults, "principal", request.Principal, Names.AgentPrefix, isRequired: true);
        else if (!FieldRules.IsWord(request.Principal) || request.Principal.Contains('/', StringComparison.Ordinal))
            faults.Add("principal", "must be a name, 1 to 128 printable ASCII characters without spaces and slashes");
        bool isOwners = request.Role == Role.Owner;
        if (isOwners ? request.Grains.Count is 0 or > FieldRules.MapEntriesMax : request.Grains.Count > 0)
            faults.Add("grains", "must be 1 to 32 use cases or business units for ROLE_OWNER, and empty for others");
        foreach (string grain in request.Grains)
        {
            if (!FieldRules.IsName(grain, Names.UseCasePrefix) && !FieldRules.IsName(grain, Names.BusinessUnitPrefix))
                faults.Add("grains", "must be names such as useCases/trade-promo or businessUnits/marketing");
        }

        if (request.PublicJwk.Length > 0 && !PublicKey.IsPublicJwk(request.PublicJwk))
        {
            faults.Add(
                "public_jwk",
                "must be a public JSON Web Key for signatures: a point of P-256, or RSA of 2,048 to 8,192 bits");
        }

        if (request.CertificateSha256.Length > 0 && !IsThumbprint(request.CertificateSha256))
        {
            faults.Add(
                "certificate_sha256", "must be the SHA-256 of a certificate's DER, base64url without padding");
        }

        FieldChecks.Time(ref faults, "expire_time", request.ExpireTime);
    }
}
