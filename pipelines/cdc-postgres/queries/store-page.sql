-- The first page of a store's shelf list.
SELECT store_id, sku_id, on_hand, version
FROM ice.${namespace}.inventory
WHERE store_id = $store AND sku_id < 9000001 AND NOT deleted
ORDER BY sku_id
LIMIT 50;
