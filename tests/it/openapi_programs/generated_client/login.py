"""Signs in with the client that openapi-generator made from openapi/openapi.json.

Prints the user code, reads a line once somebody has approved, collects the tokens, and prints them as JSON.
"""

import json
import sys

from latchkey_client import (
    ApiClient,
    ApiException,
    Configuration,
    DeviceAuthorizationRequest,
    DeviceTokenRequest,
    OAuthDeviceFlowApi,
)

base, client_id, scope = sys.argv[1:]

with ApiClient(Configuration(host=base)) as api_client:
    api = OAuthDeviceFlowApi(api_client)
    codes = api.v1_oauth_device_authorization_create(
        DeviceAuthorizationRequest(client_id=client_id, scope=scope, device_name="Python")
    )

    def collect():
        return api.v1_oauth_token_create(
            DeviceTokenRequest(
                grant_type="urn:ietf:params:oauth:grant-type:device_code",
                device_code=codes.device_code,
                client_id=client_id,
            )
        )

    try:
        collect()
        sys.exit("tokens before anybody approved")
    except ApiException as refusal:
        error = json.loads(refusal.body)["error"]
        if (refusal.status, error) != (400, "authorization_pending"):
            raise

    print(codes.user_code, flush=True)
    sys.stdin.readline()
    print(collect().to_json())
