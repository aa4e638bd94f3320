"""Companies, contacts and their tables. Field sets and lengths: OpenAPI document, releases 2025.1 to 2026.4."""

from __future__ import annotations

from .fields import table

_USER_DEFINED = " ".join(f"userDefinedField{n}:str50" for n in range(1, 11))

COMPANY = table(f"""
identifier!:str156 name!:str156 status:ref(companyStatus) addressLine1:str50 addressLine2:str50 city:str50
state:str50 zip:str12 country:ref(country) phoneNumber:str30 faxNumber:str30 website:str255 territory:ref(location)
market:ref(none) accountNumber:str defaultContact:ref(contact) dateAcquired:date sicCode:ref(none)
parentCompany:ref(company) annualRevenue:num creditLimit:num additionalDebt:num numberOfEmployees:int
yearEstablished:int(1900|9999) revenueYear:int ownershipType:ref(none) timeZoneSetup:ref(none) leadSource:str50
leadFlag:bool unsubscribeFlag:bool calendar:ref(none) {_USER_DEFINED} vendorIdentifier:str taxIdentifier:str
taxCode:ref(taxCode) billingTerms:ref(billingTerm) invoiceTemplate:ref(none) pricingSchedule:ref(none)
companyEntityType:ref(none) billToCompany:ref(company) billingSite:ref(none) billingContact:ref(contact)
invoiceDeliveryMethod:ref(none) emailTemplate:ref(none) invoiceToEmailAddress:str invoiceCCEmailAddress:str
deletedFlag:bool dateDeleted:date deletedBy:str mobileGuid=:str facebookUrl:str twitterUrl:str linkedInUrl:str
currency:ref(currency) territoryManager:ref(none) resellerIdentifier:str isVendorFlag:bool
types:refs(companyType) site:site integratorTags:words customFields:custom
""")

CONTACT = table(f"""
firstName!:str lastName:str company:ref(company) site:site addressLine1:str addressLine2:str city:str state:str
zip:str country:ref(country) relationship:ref(none) department:ref(none) inactiveFlag:bool
defaultMergeContactId:int securityIdentifier:str title:str school:str nickName:str marriedFlag:bool
childrenFlag:bool disablePortalLoginFlag:bool unsubscribeFlag:bool gender:enum(Female|Male) birthDay:str
anniversary:str presence:enum(NoAgent|Online|DoNotDisturb|Away|Offline) mobileGuid=:str facebookUrl:str
twitterUrl:str linkedInUrl:str defaultPhoneType:str defaultPhoneNbr:str defaultPhoneExtension:str
defaultBillingFlag:bool defaultFlag:bool {_USER_DEFINED} companyLocation:ref(location) communicationItems:items
types:refs(none) integratorTags:words customFields:custom ignoreDuplicates:bool
""")

COMPANY_STATUS = table("""
name!:str50 defaultFlag:bool inactiveFlag:bool notifyFlag:bool disallowSavingFlag:bool notificationMessage:str500
customNoteFlag:bool cancelOpenTracksFlag:bool track:ref(none)
""")

COMPANY_TYPE = table("name!:str50 defaultFlag:bool vendorFlag:bool serviceAlertFlag:bool serviceAlertMessage:str150")

COMMUNICATION_TYPE = table("""
description!:str phoneFlag:bool faxFlag:bool emailFlag:bool defaultFlag:bool exchangeXref:str50 iphoneXref:str50
androidXref:str50 googleXref:str50
""")

STATE = table("identifier!:str50 name!:str50 country!:ref(country)")

COUNTRY = table("""
name!:str50 defaultFlag:bool currency!:ref(currency) cityCaption:str25 stateCaption:str25 zipCaption:str25
zipMinimumLength:int dialingPrefix:str5 addressFormat:ref(none) countryCode:str2 localizationCaptionOne:str25
localizationValueOne:str50
""")
