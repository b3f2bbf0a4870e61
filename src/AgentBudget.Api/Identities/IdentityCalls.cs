using AgentBudget.Api.Edge;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Identities;

/// <summary>IdentityService: who may call.</summary>
internal sealed class IdentityCalls(
    ApiContext api, KeyRing keys, TimeProvider time, Calls calls) : IdentityService.IdentityServiceBase
{
    private readonly UnaryHandler<CreateCredentialRequest, CreateCredentialResponse> _createCredential =
        new CreateCredential(api).HandleAsync;
    private readonly UnaryHandler<RevokeCredentialRequest, RevokeCredentialResponse> _revokeCredential =
        new RevokeCredential(api).HandleAsync;
    private readonly UnaryHandler<ListCredentialsRequest, ListCredentialsResponse> _listCredentials =
        new ListCredentials(api).HandleAsync;
    private readonly UnaryHandler<RotateSigningKeyRequest, RotateSigningKeyResponse> _rotateSigningKey =
        new RotateSigningKey(api, keys, time).HandleAsync;

    public override Task<CreateCredentialResponse> CreateCredential(
        CreateCredentialRequest request, ServerCallContext context) => calls.AnswerAsync(_createCredential, request, context);

    public override Task<RevokeCredentialResponse> RevokeCredential(
        RevokeCredentialRequest request, ServerCallContext context) => calls.AnswerAsync(_revokeCredential, request, context);

    public override Task<ListCredentialsResponse> ListCredentials(
        ListCredentialsRequest request, ServerCallContext context) => calls.AnswerAsync(_listCredentials, request, context);

    public override Task<RotateSigningKeyResponse> RotateSigningKey(
        RotateSigningKeyRequest request, ServerCallContext context) => calls.AnswerAsync(_rotateSigningKey, request, context);
}
